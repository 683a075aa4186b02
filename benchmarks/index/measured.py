"""One measurement of the index beside the raw engines: `python measured.py NAME COUNT` prints its rows as JSON."""

import contextlib
import gc
import json
import os
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import faiss
import numpy as np
from index.vectors import clusters, pixels, trained
from measure import cpu_seconds, interleaved_cpu_ms

import keras_similarity as ks
from keras_similarity.index.engines import faiss_graph

LINKS, BUILD_EFFORT = 16, 128
EFFORTS = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640)
K, RECALL = 10, 0.99
OTHERS_ROWS = 100_000  # up to which the other engines are built too
QUICK_BUILD = 16  # of the graphs that are opened, ours and the peer's alike: they are not judged


def raw_graph(rows):
    graph = faiss.IndexHNSWFlat(rows.shape[1], LINKS)
    graph.hnsw.efConstruction = BUILD_EFFORT
    graph.add(rows)
    return graph


@contextlib.contextmanager
def all_cores():
    """Graphs that are only there to be searched are built on all cores, and searched on those of the run."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(os.cpu_count())
    yield
    faiss.omp_set_num_threads(threads)


def truth(rows, queries):
    flat = faiss.IndexFlatL2(rows.shape[1])
    flat.add(rows)
    return flat.search(queries, K)[1]


def share(found, true):
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found.tolist(), true.tolist(), strict=True)]))


def raw_effort(graph, queries, true):
    """Set the smallest effort that reaches the recall; return its recall."""
    for effort in EFFORTS:
        graph.hnsw.efSearch = effort
        recall = share(graph.search(queries, K)[1], true)
        if recall >= RECALL:
            break
    return recall


def speed(name, count):
    rows, queries = {"pixels": pixels, "trained": trained, "clusters": clusters}[name](count)
    index = ks.Index(rows.shape[1], "squared_euclidean", engine="faiss", recall=RECALL)
    index.add(rows)
    with all_cores():
        true, graph = truth(rows, queries), raw_graph(rows)
        report = index.build()
    recall = raw_effort(graph, queries, true)
    calls = {"raw": lambda: graph.search(queries, K), "ours": lambda: index.search(queries, K)}
    batch = interleaved_cpu_ms(calls, repeat=7)
    same = raw_graph_effort(graph, report.effort, queries[:1], index)
    peers = {
        "faiss": {"recall": recall, "effort": graph.hnsw.efSearch, "queries_per_s": len(queries) / batch["raw"] * 1e3}
    }
    if len(rows) <= OTHERS_ROWS:
        peers |= usearch_peer(rows, queries, true) | nmslib_peer(rows, queries, true)
    about = {"data": name, "rows": len(rows)}
    yield about | {
        "what": "queries per CPU s at recall@10 >= 0.99, over raw faiss", "ours": batch["raw"] / batch["ours"],
        "floor": 0.9, "at_least": True, "recall": share(index.search(queries, K).ids, true), "effort": report.effort,
        "queries_per_s": len(queries) / batch["ours"] * 1e3, "peer": peers,
    }  # fmt: skip
    yield about | {
        "what": "single query over raw faiss at the same effort, CPU us", "ours": (same["ours"] - same["raw"]) * 1e3,
        "floor": 60, "peer": same["raw"] * 1e3,
    }  # fmt: skip


def raw_graph_effort(graph, effort, query, index):
    before, graph.hnsw.efSearch = graph.hnsw.efSearch, effort
    found = interleaved_cpu_ms(
        {"raw": lambda: graph.search(query, K), "ours": lambda: index.search(query, K)}, repeat=2000
    )
    graph.hnsw.efSearch = before
    return found


def usearch_peer(rows, queries, true):
    from usearch.index import Index

    index = Index(ndim=rows.shape[1], metric="l2sq", dtype="f32", connectivity=LINKS, expansion_add=BUILD_EFFORT)
    index.add(np.arange(len(rows)), rows, threads=os.cpu_count())
    for effort in EFFORTS:
        index.expansion_search = effort
        found = index.search(queries, K, threads=1)
        if (recall := share(found.keys, true)) >= RECALL:
            break
    spent = min(cpu_seconds(lambda: index.search(queries, K, threads=1))[0] for _ in range(3))
    return {"usearch": {"recall": recall, "effort": effort, "queries_per_s": len(queries) / spent}}


def nmslib_peer(rows, queries, true):
    try:
        import nmslib
    except ImportError:
        return {}
    index = nmslib.init(method="hnsw", space="l2")
    index.addDataPointBatch(rows)
    index.createIndex({"M": LINKS, "efConstruction": BUILD_EFFORT, "indexThreadQty": os.cpu_count()})
    for effort in EFFORTS:
        index.setQueryTimeParams({"efSearch": effort})
        found = index.knnQueryBatch(queries, K, num_threads=1)
        if (recall := share(np.array([ids for ids, _ in found]), true)) >= RECALL:
            break
    spent = min(cpu_seconds(lambda: index.knnQueryBatch(queries, K, num_threads=1))[0] for _ in range(3))
    return {"nmslib": {"recall": recall, "effort": effort, "queries_per_s": len(queries) / spent}}


def build(count):
    rows, _ = trained(count)
    labels, data = (np.arange(len(rows)) % 10).tolist(), [f"image {row}" for row in range(len(rows))]
    raw = min(cpu_seconds(lambda: raw_graph(rows))[0] for _ in range(2))
    for store, floor in (("memory", 1.15), ("durable", 1.5)):

        def add_and_build(store=store):
            with tempfile.TemporaryDirectory() as folder:
                place = "memory" if store == "memory" else Path(folder, "index")
                with ks.Index(rows.shape[1], "squared_euclidean", engine="faiss", store=place) as index:
                    index.add(rows, labels, data=data)
                    index.build()

        ours = min(cpu_seconds(add_and_build)[0] for _ in range(2))
        yield {"what": f"add and build with labels and data, {store}, CPU over raw faiss", "rows": len(rows),
               "ours": ours / raw, "floor": floor, "cpu_s": ours, "peer": raw}  # fmt: skip


def lookup(count):
    rows, _ = trained(count)
    queries = (rows + 0.05 * np.random.default_rng(1).normal(size=rows.shape)).astype(np.float32)[:10_000]
    index = ks.Index(rows.shape[1], "squared_euclidean", engine="faiss")
    index.add(rows, (np.arange(len(rows)) % 10).tolist(), data=[f"image {row}" for row in range(len(rows))])
    effort, graph = index.build().effort, raw_graph(rows)
    graph.hnsw.efSearch = effort

    def iterate():
        for neighbors in index.search(queries, 5):
            for neighbor in neighbors:
                _ = neighbor.label, neighbor.distance, neighbor.id

    calls = {"raw": lambda: graph.search(queries, 5), "columnar": lambda: index.search(queries, 5), "iterated": iterate}
    found = interleaved_cpu_ms(calls, repeat=3)
    for name, floor in (("columnar", 0.1), ("iterated", 0.3)):
        yield {"what": f"lookup of {len(queries):,} queries, {name}, CPU s over raw faiss", "rows": len(rows),
               "ours": (found[name] - found["raw"]) / 1e3, "floor": floor, "peer": 1.2,
               "raw_s": found["raw"] / 1e3}  # fmt: skip


def opening(count):
    rows, queries = clusters(count)
    faiss_graph.BUILD_EFFORT = QUICK_BUILD
    with tempfile.TemporaryDirectory() as folder:
        raw, place = str(Path(folder, "raw.faiss")), Path(folder, "index")
        with ks.Index(64, "squared_euclidean", engine="faiss", store=place) as index:
            index.add(rows, np.arange(len(rows)) % 1000)
            index.build()
            _write_raw(rows, index, raw)
        del index
        gc.collect()
        runs = [_opened(place, raw, queries[:1]) for _ in range(5)]
    opened, answered, loaded = (sorted(times)[2] for times in zip(*runs, strict=True))
    yield {"what": "open, wall ms", "rows": len(rows), "ours": opened * 1e3, "floor": 50, "peer": loaded * 1e3}
    yield {"what": "open and first verified answer, wall, over raw read_index and first answer", "rows": len(rows),
           "ours": answered / loaded, "floor": 0.5, "wall_ms": answered * 1e3, "peer": loaded * 1e3}  # fmt: skip


def _write_raw(rows, index, path):
    """Write a faiss index of the same links: to build them twice would take minutes."""
    graph = faiss.IndexHNSWFlat(rows.shape[1], LINKS)
    graph.storage.add(rows)
    graph.hnsw = index._store.rows.blocks[0].graph.engine._index.hnsw
    graph.ntotal = len(rows)
    faiss.write_index(graph, path)


def _opened(place, raw, query):
    started = time.perf_counter()
    index = ks.Index.open(place)
    opened = time.perf_counter() - started
    index.search(query, K)
    answered = time.perf_counter() - started
    index.close()
    started = time.perf_counter()
    graph = faiss.read_index(raw)
    graph.search(query, K)
    return opened, answered, time.perf_counter() - started


def filtered(count):
    rows, queries = clusters(count)
    index = ks.Index(64, "squared_euclidean", engine="faiss")
    draws = np.random.default_rng(2).integers(0, 100, len(rows))
    index.add(rows, draws.tolist())
    index.build()
    graph = index._store.rows.blocks[0].graph.engine._index  # the same links, searched by faiss with a bitmap
    for kept in (1, 10, 50):
        where = {"label": {"in": list(range(kept))}}
        allowed = np.flatnonzero(draws < kept)
        true = allowed[truth(rows[allowed], queries)]
        index.add(queries[:1], [1000])  # another generation: nothing that was resolved is left
        index.remove([len(index) - 1])
        resolving = cpu_seconds(lambda where=where: index.search(queries[:1], K, where=where))[0]
        found = interleaved_cpu_ms({"ours": lambda where=where: index.search(queries, K, where=where)}, repeat=3)
        recall = share(index.search(queries, K, where=where).ids, true)
        bits = np.packbits(draws < kept, bitorder="little")
        parameters = faiss.SearchParametersHNSW(sel=faiss.IDSelectorBitmap(bits), efSearch=256)
        theirs = share(graph.search(queries, K, params=parameters)[1], true)
        about = {"rows": len(rows), "kept_percent": kept}
        yield about | {"what": "filtered search, recall@10", "ours": recall, "floor": 0.99, "at_least": True,
                       "peer": theirs}  # fmt: skip
        yield about | {"what": "filtered search, CPU ms a query", "ours": found["ours"] / len(queries), "floor": 1.0}
        resolve = (resolving * 1e3) - found["ours"] / len(queries)
        yield about | {"what": "resolving a filter to rows, CPU ms", "ours": resolve, "floor": 20}


def memory(count):
    """Count what is allocated, not what the allocator keeps for later."""
    rows, _ = clusters(count)
    tracemalloc.start()
    index = ks.Index(64, "squared_euclidean", engine="exact")
    for start in range(0, count, 2**16):
        index.add(rows[start : start + 2**16], np.arange(start, min(start + 2**16, count)) % 1000)
    index.build()
    index.get([5])
    gc.collect()
    spent = (tracemalloc.get_traced_memory()[0] - rows.nbytes) / count
    yield {"what": "bytes a vector over the vectors, after build", "rows": count, "ours": spent, "floor": 32}


MEASUREMENTS = {
    "pixels": lambda count: speed("pixels", count),
    "trained": lambda count: speed("trained", count),
    "clusters": lambda count: speed("clusters", count),
    "build": build,
    "lookup": lookup,
    "opening": opening,
    "filtered": filtered,
    "memory": memory,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(MEASUREMENTS[sys.argv[1]](int(sys.argv[2])))) + "\n")
