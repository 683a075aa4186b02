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
    peer = (before + after) / 2
    rows = [
        {"what": "predict, two processes", "rows_per_second": peer, "before": before, "after": after},
        {"what": "embed over Ray, two nodes of one worker", **ours, "share_of_peer": ours["rows_per_second"] / peer},
        {"what": "the same, one node killed with SIGKILL at a third", **killed},
    ]
    print(json.dumps(rows, indent=1))
    write("bulk", rows, versions=versions("ray", "keras", "jax", "pyarrow"))


if __name__ == "__main__":
    main()
