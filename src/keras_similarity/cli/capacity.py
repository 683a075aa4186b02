"""What so many items need: bytes, processors and machines, from what was measured, on each design, and where it stops.

Every constant is a measurement at one size, named beside it. What lies beyond it is arithmetic: memory and building
grow with the rows, a graph's search by the power that two measured sizes give, which is more than its theory says.
"""

import math
from dataclasses import dataclass

__all__ = ["Design", "Workload", "designs", "recommended"]

GB = 1e9
NUMBER_BYTES = 4  # float32
# Bytes of a row beside its numbers: files of 100,000 × 64, 100,000 × 256 and 1,000,000 × 64 agree.
GRAPH_LINK_BYTES = 144
# pgvector keeps a row in its table and again in its index, by page; from its format, not measured.
PGVECTOR_ROW_BYTES = 400
# CPU of a query, one thread, recall@10 ≥ 0.99 on clustered rows.
EXACT_SECONDS_PER_NUMBER = 1 / 569 / (100_000 * 64)  # NumPy, 100,000 × 64
GRAPH_SECONDS = {100_000: 1 / 21_284, 1_000_000: 1 / 5_780}  # faiss HNSW, × 64
GRAPH_GROWTH = math.log10(GRAPH_SECONDS[1_000_000] / GRAPH_SECONDS[100_000])  # the power of the number of rows
GRAPH_WIDTH_GROWTH = (21_284 / 15_323 - 1) / (256 - 64)  # a number more, from 64 to 256
PGVECTOR_SECONDS = 0.44e-3  # elapsed, 100,000 × 64, ef 100, recall 1.0
MILVUS_SECONDS = 1.5e-3  # the same
# CPU to build, of a row.
GRAPH_BUILD_SECONDS = 187.3 / 1_000_000  # faiss HNSW, 1,000,000 × 64
PGVECTOR_BUILD_SECONDS = (0.28 + 9.7) / 100_000  # COPY and index, elapsed, × 64
MILVUS_BUILD_SECONDS = (3.7 + 12.8) / 100_000
# CPU of our server for a query of a small index: benchmarks/results/serve.json, 32 clients.
REQUEST_SECONDS = 147e-6
# CPU to embed an image of 28 × 28 with the small network of benchmarks/results/journey.json, on JAX.
EMBED_SECONDS = 0.287e-3  # 17.2 CPU s for 60,000

EXACT_ROWS = 50_000  # where the index itself turns to a graph
MEMORY_SHARE = 0.7  # of a machine that rows may fill: the rest is for writes, snapshots and the system
BUSY_SHARE = 0.5  # of a processor, so that queries do not queue
BUILD_HOURS = 24.0  # a graph that takes longer to build anew is no longer a cache
MILVUS_MACHINES = 1000  # past which nothing here says how it behaves


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked for, and the machines there are.

    Args:
        items: Rows, ≥ 1.
        dim: Numbers of a row, ≥ 1.
        qps: Queries per second, ≥ 0.
        cores, memory: Of one machine; memory in bytes.
        embed_seconds: CPU to embed one item.
    """

    items: int
    dim: int
    qps: float
    cores: int = 16
    memory: float = 64 * GB
    embed_seconds: float = EMBED_SECONDS

    @property
    def room(self) -> float:
        """Bytes of rows that a machine holds."""
        return self.memory * MEMORY_SHARE

    @property
    def embed_hours(self) -> float:
        """CPU hours to embed everything once."""
        return self.items * self.embed_seconds / 3600


@dataclass(frozen=True, slots=True)
class Design:
    """One way to hold and search a workload.

    Args:
        name: What it is.
        bytes_per_item: In memory.
        query_ms: CPU of a query on all its machines.
        machines: How many it takes, of those the workload names.
        build_hours: CPU hours to build what answers.
        stops: Why it is not to be used for this workload; None where it is.
        limit: Where it stops.
    """

    name: str
    bytes_per_item: float
    query_ms: float
    machines: int
    build_hours: float
    stops: str | None
    limit: str


def designs(work: Workload) -> list[Design]:
    """Return every design with what it needs for a workload, from the simplest to the largest."""
    return [_exact(work), _graph(work), _pgvector(work), _milvus(work)]


def recommended(work: Workload) -> Design | None:
    """Return the simplest design that holds a workload; None where none does."""
    return next((design for design in designs(work) if design.stops is None), None)


def graph_seconds(rows: float, dim: int) -> float:
    """Return the CPU of one query on a graph of so many rows."""
    growth = (max(rows, 1) / 1_000_000) ** GRAPH_GROWTH
    return GRAPH_SECONDS[1_000_000] * growth * max(1 + GRAPH_WIDTH_GROWTH * (dim - 64), 0.5)


def _exact(work: Workload) -> Design:
    size = NUMBER_BYTES * work.dim
    seconds = EXACT_SECONDS_PER_NUMBER * work.items * work.dim + REQUEST_SECONDS
    stops = None
    if work.items > EXACT_ROWS:
        stops = f"each query looks at every row: {seconds * 1e3:,.1f} ms"
    return Design("exact", size, seconds * 1e3, _servers(work, seconds), 0.0, stops, f"{EXACT_ROWS:,} items")


def _graph(work: Workload) -> Design:
    size = NUMBER_BYTES * work.dim + GRAPH_LINK_BYTES
    seconds = graph_seconds(work.items, work.dim) + REQUEST_SECONDS
    build = work.items * GRAPH_BUILD_SECONDS / 3600
    elapsed = build / work.cores
    most = min(work.room / size, BUILD_HOURS * 3600 * work.cores / GRAPH_BUILD_SECONDS)
    stops = None
    if size * work.items > work.room:
        stops = f"{size * work.items / GB:,.0f} GB in memory, and a machine holds {work.room / GB:,.0f}"
    elif elapsed > BUILD_HOURS:
        stops = f"{elapsed:,.0f} hours to build the graph on {work.cores} cores"
    limit = f"{_rounded(most)} items a machine"
    return Design("faiss, one index a machine", size, seconds * 1e3, _servers(work, seconds), build, stops, limit)


def _pgvector(work: Workload) -> Design:
    size = 2 * NUMBER_BYTES * work.dim + PGVECTOR_ROW_BYTES
    seconds = PGVECTOR_SECONDS * _growth(work) + REQUEST_SECONDS
    build = work.items * PGVECTOR_BUILD_SECONDS / 3600
    stops = None
    if size * work.items > work.room:
        stops = f"{size * work.items / GB:,.0f} GB, and its index is quick only in memory"
    limit = f"{_rounded(work.room / size)} items; more queries by replicas"
    return Design("PostgreSQL + pgvector", size, seconds * 1e3, _servers(work, seconds), build, stops, limit)


def _milvus(work: Workload) -> Design:
    size = NUMBER_BYTES * work.dim + GRAPH_LINK_BYTES
    shards = max(math.ceil(size * work.items / work.room), 1)
    # Every shard answers every query, each for its part of the rows.
    part = Workload(max(work.items // shards, 1), work.dim, work.qps, work.cores, work.memory)
    seconds = shards * MILVUS_SECONDS * _growth(part) + REQUEST_SECONDS
    replicas = math.ceil(work.qps * MILVUS_SECONDS * _growth(part) / (work.cores * BUSY_SHARE))
    machines = shards * max(replicas, 1)
    build = work.items * MILVUS_BUILD_SECONDS / 3600
    stops = None
    if machines > MILVUS_MACHINES:
        stops = f"{machines:,} machines: take smaller vectors (int8, Matryoshka widths) or larger machines"
    limit = f"{_rounded(MILVUS_MACHINES * work.room / size)} items on {MILVUS_MACHINES:,} machines"
    return Design("Milvus, sharded", size, seconds * 1e3, machines, build, stops, limit)


def _growth(work: Workload) -> float:
    """How much dearer a graph's query is than at 100,000 × 64, where the databases were measured."""
    return max(graph_seconds(work.items, work.dim) / GRAPH_SECONDS[100_000], 1.0)


def _servers(work: Workload, seconds: float) -> int:
    return max(math.ceil(work.qps * seconds / (work.cores * BUSY_SHARE)), 1)


def _rounded(items: float) -> str:
    """A number in two digits: the estimate has no more."""
    digits = 10 ** max(math.floor(math.log10(max(items, 1))) - 1, 0)
    return f"{math.floor(items / digits) * digits:,.0f}"
