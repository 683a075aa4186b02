"""The index beside raw faiss, usearch and nmslib: speed at a recall, building, opening, filters, memory."""

import os
import sys
import tempfile
from pathlib import Path

from measure import RESULTS, run_child, versions, write

HERE = Path(__file__).parent
RUNS = [
    ("pixels", 60_000, 1),
    ("trained", 60_000, 1),
    ("clusters", 1_000_000, 1),
    ("build", 60_000, 1),
    ("lookup", 60_000, 1),
    ("opening", 1_000_000, 2),
    ("filtered", 100_000, 2),
    ("filtered", 1_000_000, 2),
    ("memory", 1_000_000, 2),
]


def run(name, count, threads, folder):
    environment = {"OMP_NUM_THREADS": str(threads), "INDEX_BENCHMARK_FOLDER": folder}
    return run_child(sys.executable, HERE / "measured.py", name, count, **environment)


def main():
    scale = float(os.environ.get("INDEX_BENCHMARK_SCALE", "1"))  # below 1 to try it out; nothing is written then
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, count, threads in RUNS:
            for row in run(name, int(count * scale), threads, folder):
                rows.append(row)
                better = row["ours"] >= row["floor"] if row.get("at_least") else row["ours"] <= row["floor"]
                about = " ".join(str(row[key]) for key in ("data", "rows", "kept_percent") if key in row)
                print(
                    f"{'ok  ' if better else 'MISS'} {row['what']} ({about}): {row['ours']:.4g} (floor {row['floor']})"
                )
    if scale == 1:
        RESULTS.mkdir(exist_ok=True)
        write("index", rows, versions=versions("numpy", "faiss-cpu", "usearch", "nmslib-metabrainz"))
