"""Quality on classes never trained on: each recipe, backend and seed; results in benchmarks/results/quality-*.json.

This trains for hours, so `make bench` leaves it out: `make bench ARGS=quality`. Each row is written when it is there,
in place of an earlier one of the same recipe, backend and seed.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from losses.run import ONE_THREAD
from measure import RESULTS, machine, run_child, write
from quality import page
from quality.recipes import ALL, SETS

HERE = Path(__file__).parent
RESULT = RESULTS / "quality-omniglot.json"
SEEDS = (0, 1, 2)
BACKENDS = ("tensorflow", "torch", "jax")
SIDES = (28, 20, 16)
FASTEST = "tensorflow"  # on a CPU, for these networks
FASTEST_ALONE = {"KERAS_BACKEND": FASTEST, **ONE_THREAD}
PLAN = [
    *(("anchor", backend, SEEDS) for backend in BACKENDS if backend != FASTEST),
    *((name, FASTEST, (0,) if recipe.network == "none" else SEEDS) for name, recipe in ALL.items()),
]


def put(row):
    """Add a row to the results, or replace the one of the same recipe, backend and seed."""
    where = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": commit(), "machine": machine()}
    rows = json.loads(RESULT.read_text()) if RESULT.exists() else []
    kept = [other for other in rows if key(other) != key(row)]
    RESULTS.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([*kept, row | where], indent=1) + "\n")


def key(row):
    return row["recipe"], row["backend"], row["seed"]


def put_set(name, rows):
    """Write what was measured on one of the other sets."""
    where = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": commit(), "machine": machine()}
    path = RESULTS / f"quality-{name}.json"
    path.write_text(json.dumps([row | where for row in rows], indent=1) + "\n")


def commit():
    """The commit that is measured, shortened."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def step_costs():
    """What a step costs on each backend, and on smaller images."""
    for backend in BACKENDS:
        for side in SIDES:
            yield run_child(sys.executable, HERE / "step_cost.py", side, KERAS_BACKEND=backend, **ONE_THREAD)


def main():
    write("quality-steps", list(step_costs()))
    for name, backend, seeds in PLAN:
        for seed in seeds:
            row = run_child(sys.executable, HERE / "ours.py", name, seed, KERAS_BACKEND=backend, **ONE_THREAD)
            put(row)
            print(f"{name}, {backend}, seed {seed}: recall@1 {row['recall@1']:.4f}, {row['cpu_s']:.0f} CPU s")
    for name in SETS:
        parts = [run_child(sys.executable, HERE / "sets.py", name, seed, **FASTEST_ALONE) for seed in SEEDS]
        put_set(name, [row for part in parts for row in part])
    page.fill()
