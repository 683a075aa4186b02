"""One number that the capacity plan starts from: `python measured.py NAME COUNT DIM` prints a row as JSON."""

import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import faiss
import numpy as np
from capacity.processes import cpu_of
from index.vectors import clusters
from measure import cpu_seconds, median_cpu_ms

import keras_similarity as ks

K, RECALL = 10, 0.99


def graph(count, dim):
    """Built on all cores, searched on one."""
    rows, queries = clusters(count, dim=dim)
    index = ks.Index(dim, "squared_euclidean", engine="faiss", recall=RECALL)
    index.add(rows)
    flat = faiss.IndexFlatL2(dim)
    flat.add(rows)
    faiss.omp_set_num_threads(os.cpu_count())
    true = flat.search(queries, K)[1]
    building, report = cpu_seconds(index.build)
    faiss.omp_set_num_threads(1)
    search = median_cpu_ms(lambda: index.search(queries, K), repeat=7)
    found = index.search(queries, K).ids.tolist()
    recall = float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found, true.tolist(), strict=True)]))
    return {
        "what": "graph", "rows": count, "dim": dim, "queries_per_s": len(queries) / search * 1e3, "recall": recall,
        "effort": report.effort, "bytes": report.bytes / count, "build_us": building / count * 1e6,
    }  # fmt: skip


def exact(count, dim):
    rows, queries = clusters(count, dim=dim)
    index = ks.Index(dim, "squared_euclidean", engine="exact")
    index.add(rows)
    spent = median_cpu_ms(lambda: index.search(queries[:1], K), repeat=200)
    return {"what": "exact, one query", "rows": count, "dim": dim, "query_ms": spent}


def milvus(count, dim):
    """The CPU of the server and of our side, until the graph is there."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from milvus_server import MilvusServer

    rows, _ = clusters(count, dim=dim)
    with tempfile.TemporaryDirectory(prefix="milvus", ignore_cleanup_errors=True) as folder:
        server = MilvusServer(folder, quicker=False)
        try:
            index = ks.Index(dim, store=f"milvus://127.0.0.1:{server.port}?table=items&timeout=600")
            before = cpu_of(os.getpid())  # the server's is among it
            index.add(rows)
            index.build()
            spent = cpu_of(os.getpid()) - before
            index.close()
        finally:
            server.close()
    return {"what": "Milvus: a row's graph", "rows": count, "dim": dim, "build_us": spent / count * 1e6}


if __name__ == "__main__":
    name, count, dim = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.stdout.write(json.dumps({"graph": graph, "exact": exact, "milvus": milvus}[name](count, dim)) + "\n")
