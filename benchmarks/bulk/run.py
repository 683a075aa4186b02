"""Bulk embedding over Ray with two workers, beside the model's `predict` in two processes; and with a node killed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from encoder import keras_model  # noqa: E402
from measure import run_child, versions, write  # noqa: E402

ROWS = 200_000


def predict_on_two(model):
    """Rows per second of two processes that begin together."""
    command = [sys.executable, str(HERE / "predict.py"), str(model), str(ROWS // 2)]
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
    return ROWS / (max(end for _, end in times) - min(start for start, _ in times))


def over_ray(model, folder, *options):
    shutil.rmtree(folder, ignore_errors=True)
    return run_child(sys.executable, HERE / "cluster.py", folder, "--rows", ROWS, "--model", model, *options)


def table(ours, killed, before, after):
    """The rows of the report: the speed beside the peer's, and what was embedded though a node was killed."""
    peer = (before + after) / 2
    killing = f"of {ROWS:,} rows, one node killed with SIGKILL at a third"
    return [
        {
            "what": "embed over Ray, two nodes of one worker, rows per s over predict in two processes",
            "ours": ours["rows_per_second"] / peer,
            "floor": 0.8,
            "at_least": True,
            "ours_rows_per_s": ours["rows_per_second"],
            "peer_rows_per_s": peer,
            "peer_before_and_after": [before, after],
            "counts": ours,
        },
        {"what": f"embedded {killing}", "ours": killed["distinct"], "floor": ROWS, "at_least": True, "counts": killed},
        {"what": f"embedded twice {killing}", "ours": killed["rows"] - killed["distinct"], "floor": 0},
    ]


def main():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with tempfile.TemporaryDirectory() as place:
        model, folder = Path(place) / "model.keras", Path(place) / "out"
        keras_model().save(model)
        # The peer before and after, since other work on the machine changes within minutes.
        before = predict_on_two(model)
        ours = over_ray(model, folder)
        after = predict_on_two(model)
        killed = over_ray(model, folder, "--kill")
    rows = table(ours, killed, before, after)
    print(json.dumps(rows, indent=1))
    write("bulk", rows, versions=versions("ray", "keras", "jax", "pyarrow"))


if __name__ == "__main__":
    main()
