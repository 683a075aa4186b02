"""The measurements that the capacity plan starts from; `tests/cli/test_plan.py` compares them with the results.

Those of graphs are of rows in clusters, at a recall@10 of 0.99 or more, on one thread. Milvus's bytes are faiss's,
whose graph it has; they were not measured.
"""

import math

NUMBER_BYTES = 4  # float32
# benchmarks/results/capacity.json, and index.json for a million rows: our index, CPU of a query among 1,000 at once.
# Rows and numbers of a row -> queries per second.
GRAPH_QUERIES = {(100_000, 64): 19_800, (1_000_000, 64): 7_500, (100_000, 256): 9_200}
GRAPH_POWER = math.log10(GRAPH_QUERIES[100_000, 64] / GRAPH_QUERIES[1_000_000, 64])  # of the number of rows
GRAPH_WIDTH = (GRAPH_QUERIES[100_000, 64] / GRAPH_QUERIES[100_000, 256] - 1) / (256 - 64)  # for a number more
# benchmarks/results/capacity.json: bytes of links, beside the numbers of a row; what one number costs a query that
# looks at every row.
GRAPH_LINK_BYTES = 144
EXACT_SECONDS_PER_NUMBER = 0.22e-9
# benchmarks/results/index.json: labels, ids and places of a row, beside its numbers.
ITEM_BYTES = 26
# benchmarks/results/databases.json: a query of our index in a database, 100,000 × 64, elapsed.
PGVECTOR_SECONDS = 0.75e-3
MILVUS_SECONDS = 4.4e-3
# benchmarks/results/capacity.json: CPU to add a row and its links, of 100,000 × 64; of server and client for databases.
GRAPH_BUILD_SECONDS = 255e-6
PGVECTOR_BUILD_SECONDS = 330e-6
MILVUS_BUILD_SECONDS = 300e-6
# benchmarks/results/serve.json: CPU of our server for a query of a small index, 32 clients.
REQUEST_SECONDS = 190e-6
# benchmarks/results/journey.json: CPU to embed an image of 28 × 28 with a small network, on JAX.
EMBED_SECONDS = 0.287e-3

# Numbers of a row that the databases take; pgvector's graph takes more of them in half precision.
PGVECTOR_WIDEST, PGVECTOR_WIDEST_GRAPH, PGVECTOR_WIDEST_HALF_GRAPH = 16_000, 2_000, 4_000
MILVUS_NARROWEST, MILVUS_WIDEST = 2, 32_768
# benchmarks/results/capacity.json: a page of PostgreSQL, what rows may take of it, and what a row takes beside its
# vector: in the table, in its keys, in the graph. A wide vector is cut into chunks, which are in a table of their own.
PAGE_BYTES, USABLE_BYTES = 8192, 8160
TABLE_BYTES, KEY_BYTES, PGVECTOR_LINK_BYTES = 56, 60, 286
INLINE_BYTES, CHUNK_BYTES, OF_A_CHUNK_BYTES = 1960, 1996, 40


def growth(rows: float, dim: int) -> float:
    """Return how much dearer a row's query or links are than at 100,000 × 64, by what our graph's queries took."""
    return (max(rows, 1) / 100_000) ** GRAPH_POWER * max(1 + GRAPH_WIDTH * (dim - 64), 0.5)


def graph_seconds(rows: float, dim: int) -> float:
    """Return the CPU of a query on a graph."""
    return growth(rows, dim) / GRAPH_QUERIES[100_000, 64]


def pgvector_bytes(dim: int) -> float:
    """Return what a row takes in PostgreSQL, table, keys and graph, in half precision where the graph needs it."""
    vector = 8 + dim * (NUMBER_BYTES if dim <= PGVECTOR_WIDEST_GRAPH else NUMBER_BYTES // 2)
    if vector <= INLINE_BYTES:
        table = _on_pages(vector + TABLE_BYTES)
    else:
        table = TABLE_BYTES + _on_pages(vector + OF_A_CHUNK_BYTES * math.ceil(vector / CHUNK_BYTES))
    return table + KEY_BYTES + _on_pages(vector + PGVECTOR_LINK_BYTES)


def _on_pages(size: int) -> float:
    """Return what a row of so many bytes takes where a page holds whole rows."""
    return PAGE_BYTES / (USABLE_BYTES // size) if size <= USABLE_BYTES else size
