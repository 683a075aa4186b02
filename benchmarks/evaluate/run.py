"""Evaluation, calibration, matching and inspection, beside the peers; results in benchmarks/results/evaluate.json.

The numbers of TensorFlow Similarity are those measured when the floors were set: its environment is not built for this.
"""

import sys
import tempfile
from pathlib import Path

from measure import RESULTS, run_child, write

from evaluate import data

HERE = Path(__file__).parent
K = 1
# what: (upstream as measured, floor of CPU seconds, floor of megabytes)
CALLS = {
    "calibrate": ("4.3–4.7 s, +1.0 GB", 0.3, 150),
    "evaluate_classification": ("1.7–2.0 s", 0.2, None),
    "match": ("3.5–4.3 s", 0.2, None),
    "evaluate_retrieval": ("0.6–1.1 s", 0.3, None),
}
MILLION_MB = 1024


def table(calls, ours, peer, million):
    """The rows of the report: what, the peer's number, ours, and the floor."""
    rows = []
    for what, (upstream, seconds, megabytes) in CALLS.items():
        found = calls[what]
        rows.append(
            {"what": f"{what}, CPU s over one search", "peer": upstream, "ours": found["cpu_s_over_search"],
             "floor": seconds, "whole": found["cpu_s_whole"]}
        )  # fmt: skip
        if megabytes:
            rows.append({"what": f"{what}, MB over the index", "ours": found["mb_over_index"], "floor": megabytes})
    for unit, name in (("cpu_s", "CPU"), ("mb", "memory")):
        rows.append(
            {"what": f"all metrics of AccuracyCalculator, {name} over the peer's", "peer": peer[unit],
             "ours": ours[unit] / peer[unit], "floor": 0.5, "ours_absolute": ours[unit]}
        )  # fmt: skip
    rows.append({"what": "MAP@R over 1M × 64, MB over the vectors", "ours": million["mb"], "floor": MILLION_MB})
    return rows


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "embeddings.npz")
        data.write(path)
        calls = {what: run_child(sys.executable, HERE / "ours.py", what, path, K) for what in CALLS}
        ours, peer = (run_child(sys.executable, HERE / "accuracy.py", who, path) for who in ("ours", "peer"))
        # One thread: these are about memory and about quality, and threads that wait for each other take longer.
        million = run_child(sys.executable, HERE / "million.py", OPENBLAS_NUM_THREADS="1")
        faults = run_child(sys.executable, HERE / "faults.py", path, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    rows = table(calls, ours, peer, million)
    RESULTS.mkdir(exist_ok=True)
    packages = ours["versions"] | faults["versions"]
    accuracy = {"ours": ours, "peer": peer}
    write("evaluate", rows, versions=packages, calls=calls, accuracy=accuracy, million=million, faults=faults)
    for row in rows:
        mark = "ok  " if row["ours"] <= row["floor"] else "MISS"
        print(f"{mark} {row['what']}: {row['ours']:.3f} (floor {row['floor']})")
    for name, found in faults["label_issues"]["reported"].items():
        print(f"     1% flipped, {name}: precision {found['precision']:.3f}, recall {found['recall']:.3f}")
    for name, found in faults["near_copies"].items():
        if name != "planted":
            print(f"     near-copies, {name}: precision {found['precision']:.3f}, recall {found['recall']:.3f}")
