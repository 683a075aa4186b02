"""What so many items need: bytes, processors and machines, from what was measured, on each design, and where it stops.

Every constant is a measurement: `cli/capacity_numbers.py` says of what. What lies beyond is arithmetic.
"""

import math
from dataclasses import dataclass, replace

from keras_similarity.cli.capacity_designs import KINDS, Kind
from keras_similarity.cli.workload import GB, Workload

__all__ = ["GB", "Design", "Workload", "designs", "recommended"]

BUSY_SHARE = 0.5  # of a processor, so that queries do not queue
MOST_ITEMS = 10**18


@dataclass(frozen=True, slots=True)
class Design:
    """One way to hold and search a workload.

    Args:
        name: What it is.
        clock: What the time of a query is: "CPU", or "elapsed" where a database was waited for.
        bytes_per_item: In memory.
        query_ms: Of a query, on all its machines.
        machines: How many it takes, of those the workload names.
        build_hours: CPU to build what answers, on all its machines.
        most_items: Items that it holds on such machines, with two digits; 0 where it does not take rows so wide.
        most_qps: Queries per second that it answers of so many items as there are, with two digits.
        stops: Why it is not to be used for this workload; None where it is.
    """

    name: str
    clock: str
    bytes_per_item: float
    query_ms: float
    machines: int
    build_hours: float
    most_items: int
    most_qps: int
    stops: str | None


def designs(work: Workload) -> list[Design]:
    """Return every design with what it needs for a workload, from the simplest to the largest."""
    return [_design(kind, work) for kind in KINDS]


def recommended(work: Workload) -> Design | None:
    """Return the simplest design that holds a workload; None where none does."""
    return next((design for design in designs(work) if design.stops is None), None)


def _design(kind: Kind, work: Workload) -> Design:
    seconds, parts = kind.seconds(work), kind.parts(work)
    of_a_copy = work.cores * BUSY_SHARE * parts / seconds  # queries per second; a copy is on so many machines
    machines = parts * max(math.ceil(work.qps / of_a_copy), 1)
    stops = kind.obstacle(work)
    if stops is None and machines > kind.most_machines:
        stops = f"{machines:,} machines for so many queries, where {kind.most_machines:,} are the most"
    return Design(
        name=kind.name,
        clock=kind.clock,
        bytes_per_item=kind.size(work),
        query_ms=seconds * 1e3,
        machines=machines,
        build_hours=kind.build(work),
        most_items=_rounded(_most_items(kind, work)),
        most_qps=_rounded(kind.most_machines // parts * of_a_copy),
        stops=stops,
    )


def _most_items(kind: Kind, work: Workload) -> int:
    """Return the largest number of items without an obstacle, by halving."""
    holds, fails = 0, MOST_ITEMS
    while fails - holds > 1:
        middle = (holds + fails) // 2
        if kind.obstacle(replace(work, items=middle)) is None:
            holds = middle
        else:
            fails = middle
    return holds


def _rounded(value: float) -> int:
    """A number in two digits: the estimate has no more."""
    digits = 10 ** max(math.floor(math.log10(max(value, 1))) - 1, 0)
    return math.floor(value / digits) * digits
