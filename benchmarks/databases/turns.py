"""What both databases are measured with: rows in clusters, true neighbours, and both sides in turns."""

import time

import numpy as np

DIM, K = 64, 10
LEAST_RECALL = 0.99  # of a search on queries that are held out: below it, being quick does not count
KEPT = 3  # the label of a hundredth of the rows


def clusters(count, queries=1000):
    """Rows and queries around 1,000 centres, all of norm 1."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(1000, DIM)) / np.sqrt(DIM)
    rows = centres[rng.integers(0, 1000, count + queries)] + rng.normal(size=(count + queries, DIM)) * 0.6 / np.sqrt(
        DIM
    )
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return rows[:count], rows[count:]


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def over_the_peer(what, floor, times):
    """The medians of both as a row."""
    ours, peer = (float(np.median(times[name])) for name in ("ours", "peer"))
    return {"what": what, "ours": ours / peer, "floor": floor, "ours_s": ours, "peer_s": peer}


def recall_of(found, truth):
    return float(np.mean([len(set(row) & set(true)) / K for row, true in zip(found, truth, strict=True)]))


def true_neighbors(rows, queries, allowed):
    return [allowed[np.argsort(-(rows[allowed] @ query), kind="stable")[:K]] for query in queries]


def compared(raw, ours, queries, truth):
    """Both in turns, so that the machine's other work meets them alike."""
    times, found = {"ours": [], "peer": []}, {"ours": [], "peer": []}
    for query in queries:
        for name, call in (("peer", raw), ("ours", ours)):
            started = time.perf_counter()
            found[name].append(call(query))
            times[name].append(time.perf_counter() - started)
    ours_ms, peer_ms = (1e3 * float(np.median(times[name])) for name in ("ours", "peer"))
    recalls = {f"{name}_recall": recall_of(found[name], truth) for name in found} | {"least_recall": LEAST_RECALL}
    return {"ours": ours_ms / peer_ms, "ours_ms": ours_ms, "peer_ms": peer_ms} | recalls
