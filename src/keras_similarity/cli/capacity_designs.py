"""The designs of a capacity plan, each in what an item takes, what a query takes, and what stands in its way."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from keras_similarity.cli import capacity_numbers as numbers
from keras_similarity.cli.workload import GB, Workload

__all__ = ["KINDS", "Kind"]

EXACT_ROWS = 50_000  # where the index itself turns to a graph
BUILD_HOURS = 24.0  # a graph that takes longer to build anew is no longer a cache
MOST_MACHINES = 1000  # past which nothing here says how a design behaves
POSTGRES_BUILDERS = 3  # processes that build a graph: one, and `max_parallel_maintenance_workers` as it comes
POSTGRES_MACHINES = 11  # one that writes, and the replicas that its `max_wal_senders` feeds as it comes


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells the designs apart, each a function of a workload.

    Args:
        name: What it is.
        clock: What the time of a query is: "CPU", or "elapsed" where a database was waited for.
        most_machines: More than so many it is not to take.
        size: Bytes of an item.
        seconds: Of a query, on all its machines.
        build: CPU hours to build, on all its machines.
        parts: Machines that the rows are spread over.
        obstacle: Why it cannot hold such rows, whatever the queries; None where it can.
    """

    name: str
    clock: str
    most_machines: int
    size: Callable[[Workload], float]
    seconds: Callable[[Workload], float]
    build: Callable[[Workload], float]
    parts: Callable[[Workload], int]
    obstacle: Callable[[Workload], str | None]


def _one_machine(work: Workload) -> int:
    return 1


def _too_large(size: float, work: Workload, so: str = "") -> str | None:
    total = size * work.items
    if total <= work.room:
        return None
    return f"{total / GB:,.0f} GB in memory{so}, and a machine holds {work.room / GB:,.0f}"


def _too_long(hours: float, where: str) -> str | None:
    return f"{hours:,.0f} hours to build the graph {where}" if hours > BUILD_HOURS else None


def _exact_bytes(work: Workload) -> float:
    return numbers.NUMBER_BYTES * work.dim + numbers.ITEM_BYTES


def _exact_seconds(work: Workload) -> float:
    return numbers.EXACT_SECONDS_PER_NUMBER * work.items * work.dim + numbers.REQUEST_SECONDS


def _exact_obstacle(work: Workload) -> str | None:
    if work.items > EXACT_ROWS:
        return f"each query looks at every row: {_exact_seconds(work) * 1e3:,.1f} ms"
    return _too_large(_exact_bytes(work), work)


def _graph_bytes(work: Workload) -> float:
    return _exact_bytes(work) + numbers.GRAPH_LINK_BYTES


def _graph_seconds(work: Workload) -> float:
    return numbers.graph_seconds(work.items, work.dim) + numbers.REQUEST_SECONDS


def _graph_hours(work: Workload) -> float:
    return work.items * numbers.GRAPH_BUILD_SECONDS * numbers.growth(work.items, work.dim) / 3600


def _graph_obstacle(work: Workload) -> str | None:
    where = f"on {work.cores} cores"
    return _too_large(_graph_bytes(work), work) or _too_long(_graph_hours(work) / work.cores, where)


def _slower(work: Workload) -> float:
    """How much slower a database is than with the rows it was measured with; never quicker, as its calls take time."""
    return max(numbers.growth(work.items, work.dim), 1.0)


def _pgvector_bytes(work: Workload) -> float:
    return numbers.pgvector_bytes(work.dim)


def _pgvector_seconds(work: Workload) -> float:
    return numbers.PGVECTOR_SECONDS * _slower(work) + numbers.REQUEST_SECONDS


def _pgvector_hours(work: Workload) -> float:
    return work.items * numbers.PGVECTOR_BUILD_SECONDS * _slower(work) / 3600


def _pgvector_obstacle(work: Workload) -> str | None:
    if work.dim > numbers.PGVECTOR_WIDEST:
        return f"pgvector keeps rows of up to {numbers.PGVECTOR_WIDEST:,} numbers"
    if work.dim > numbers.PGVECTOR_WIDEST_HALF_GRAPH:
        return f"pgvector's graph takes rows of up to {numbers.PGVECTOR_WIDEST_HALF_GRAPH:,} numbers, in half precision"
    hours = _pgvector_hours(work) / min(work.cores, POSTGRES_BUILDERS)
    return _too_large(_pgvector_bytes(work), work, " to be quick") or _too_long(hours, "on one server")


def _shards(work: Workload) -> int:
    """Return how many machines hold the rows, each with a graph that is built in time."""
    shards = max(math.ceil(_graph_bytes(work) * work.items / work.room), 1)
    most = BUILD_HOURS * work.cores
    while shards <= MOST_MACHINES and _shard_hours(work, shards) > most:
        shards = math.ceil(shards * _shard_hours(work, shards) / most)
    return shards


def _part(work: Workload, shards: int) -> Workload:
    return replace(work, items=max(work.items // shards, 1))


def _shard_hours(work: Workload, shards: int) -> float:
    part = _part(work, shards)
    return part.items * numbers.MILVUS_BUILD_SECONDS * _slower(part) / 3600


def _milvus_seconds(work: Workload) -> float:
    shards = _shards(work)  # each answers every query, for its part of the rows
    part = _part(work, shards)
    return shards * numbers.MILVUS_SECONDS * _slower(part) + numbers.REQUEST_SECONDS


def _milvus_hours(work: Workload) -> float:
    shards = _shards(work)
    return shards * _shard_hours(work, shards)


def _milvus_obstacle(work: Workload) -> str | None:
    if not numbers.MILVUS_NARROWEST <= work.dim <= numbers.MILVUS_WIDEST:
        return f"Milvus keeps rows of {numbers.MILVUS_NARROWEST} to {numbers.MILVUS_WIDEST:,} numbers"
    shards = _shards(work)
    if shards > MOST_MACHINES:
        return f"{shards:,} machines: take narrower vectors (Matryoshka widths) or larger machines"
    return None


KINDS = (
    Kind(
        name="exact",
        clock="CPU",
        most_machines=MOST_MACHINES,
        size=_exact_bytes,
        seconds=_exact_seconds,
        build=lambda work: 0.0,
        parts=_one_machine,
        obstacle=_exact_obstacle,
    ),
    Kind(
        name="faiss, one index a machine",
        clock="CPU",
        most_machines=MOST_MACHINES,
        size=_graph_bytes,
        seconds=_graph_seconds,
        build=_graph_hours,
        parts=_one_machine,
        obstacle=_graph_obstacle,
    ),
    Kind(
        name="PostgreSQL + pgvector",
        clock="elapsed",
        most_machines=POSTGRES_MACHINES,
        size=_pgvector_bytes,
        seconds=_pgvector_seconds,
        build=_pgvector_hours,
        parts=_one_machine,
        obstacle=_pgvector_obstacle,
    ),
    Kind(
        name="Milvus, sharded",
        clock="elapsed",
        most_machines=MOST_MACHINES,
        size=_graph_bytes,
        seconds=_milvus_seconds,
        build=_milvus_hours,
        parts=_shards,
        obstacle=_milvus_obstacle,
    ),
)
