"""Bulk embedding over Ray with two workers, beside the model's `predict` in two processes; and with a node killed."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from encoder import SHARD_ROWS, keras_model  # noqa: E402
from measure import run_child, versions, write  # noqa: E402

ROWS = 200_000
# Of a round: twenty shards, in twenty seconds. Other work on the machine changes within minutes, so that ours
# is compared with the rounds of the peer right before and after.
SPEED_ROWS = 20 * SHARD_ROWS
ROUNDS = 5


def predict_on_two(model):
    """Rows per second of two processes that begin together."""
    command = [sys.executable, str(HERE / "predict.py"), str(model), str(SPEED_ROWS // 2)]
    pair = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        process.stdin.write("go\n")
        process.stdin.flush()
    times = [json.loads(process.communicate()[0]) for process in pair]
    return SPEED_ROWS / (max(end for _, end in times) - min(start for start, _ in times))


def over_ray(model, folder, rows, *options):
    shutil.rmtree(folder, ignore_errors=True)
    return run_child(sys.executable, HERE / "cluster.py", folder, "--rows", rows, "--model", model, *options)


def in_turns(model, folder):
    """Rows per second of ours, a number a round, and of the peer, which has one round more: before and after each."""
    ours, peer = [], [predict_on_two(model)]
    for _ in range(ROUNDS):
        ours.append(over_ray(model, folder, SPEED_ROWS)["rows_per_second"])
        peer.append(predict_on_two(model))
    return ours, peer


def table(ours, peer, killed):
    """The rows of the report: the speed beside the peer's, and what was embedded though a node was killed."""
    ratios = [mine / ((before + after) / 2) for mine, before, after in zip(ours, peer, peer[1:], strict=False)]
    killing = f"of {ROWS:,} rows, one node killed with SIGKILL at a third"
    return [
        {
            "what": "embed over Ray, two nodes of one worker, rows per s over predict in two processes",
            "ours": statistics.median(ratios),
            "floor": 0.8,
            "at_least": True,
            "ours_rows_per_s": statistics.median(ours),
            "peer_rows_per_s": statistics.median(peer),
            "rounds": {"ratio": ratios, "ours_rows_per_s": ours, "peer_rows_per_s": peer},
        },
        {"what": f"embedded {killing}", "ours": killed["distinct"], "floor": ROWS, "at_least": True, "counts": killed},
        {"what": f"embedded twice {killing}", "ours": killed["rows"] - killed["distinct"], "floor": 0},
        {"what": f"embedded with another row's vector {killing}", "ours": killed["wrong"], "floor": 0},
    ]


def main():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with tempfile.TemporaryDirectory() as place:
        model, folder = Path(place) / "model.keras", Path(place) / "out"
        keras_model().save(model)
        ours, peer = in_turns(model, folder)
        killed = over_ray(model, folder, ROWS, "--kill", "--check")
    rows = table(ours, peer, killed)
    print(json.dumps(rows, indent=1))
    write("bulk", rows, versions=versions("ray", "keras", "jax", "pyarrow"))


if __name__ == "__main__":
    main()
