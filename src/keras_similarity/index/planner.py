"""Which engine answers: from the number of rows, the distance, what is kept of a row, and a budget of memory."""

import importlib.util
import re
from dataclasses import dataclass
from typing import Any

from keras_similarity.core.distances import Distance
from keras_similarity.index.engines import APPROXIMATE, ENGINES, ExactEngine, SearchEngine
from keras_similarity.index.engines.spaces import space_of

__all__ = ["Plan", "Wish", "check_memory", "check_recall"]

FEW_ROWS = 50_000  # exact search answers in about a millisecond
LEAST_ROWS = 1_000  # below, no engine is worth building, asked for or not
LINK_BYTES = 144  # of a row in a graph
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
BY_SPEED = ["faiss", "faiss-ivf", "faiss-pq", "binary"]  # the quickest first, the smallest last
CODES = {"int8": "faiss-int8", "binary": "binary"}  # what `storage` asks an engine to keep of a row


@dataclass(frozen=True, slots=True)
class Plan:
    """An engine to build, None for exact search, and why."""

    engine: type[SearchEngine] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for.

    Args:
        engine: "auto" or a name of `ENGINES`.
        distance: What compares.
        storage: What is kept of a row.
        recall: Share of the 10 nearest to find.
        memory: Bytes an engine may take beside the rows; None for any.
    """

    engine: str
    distance: Distance
    storage: str
    recall: float
    memory: int | None

    def check(self) -> None:
        """Raise a ValueError for an engine that lacks the distance."""
        if self.engine in ("auto", ExactEngine.name) or self._knows(self.engine):
            return
        able = [name for name in ENGINES if name == ExactEngine.name or self._knows(name)]
        raise ValueError(
            f"the {self.engine!r} engine has no {self.distance} distance.\n"
            f"  Engines that have it: {', '.join(able)}; 'auto' chooses among them."
        )

    def plan(self, rows: int, width: int) -> Plan:
        """Return what to build over so many rows of so many numbers."""
        if self.engine == ExactEngine.name:
            return Plan(None, "asked for")
        if rows < LEAST_ROWS:
            return Plan(None, f"under {LEAST_ROWS:,} rows nothing is quicker")
        if self.engine != "auto":
            return Plan(APPROXIMATE[self.engine], "asked for")
        if rows < FEW_ROWS and self.storage not in CODES:
            return Plan(None, f"under {FEW_ROWS:,} rows looking at all of them is quick")
        if importlib.util.find_spec("faiss") is None:
            return Plan(None, "faiss-cpu is not installed")
        names = [CODES[self.storage]] if self.storage in CODES else BY_SPEED
        fitting = [name for name in names if self._knows(name) and rows * _bytes(name, width) <= self._room()]
        if not fitting:
            what = f"has the {self.distance} distance" if not any(map(self._knows, names)) else "fits the memory given"
            return Plan(None, f"no approximate engine {what}")
        quickest = f"the quickest for {rows:,} rows" + ("" if self.memory is None else " that fits the memory given")
        return Plan(APPROXIMATE[fitting[0]], f"storage={self.storage!r}" if self.storage in CODES else quickest)

    def _room(self) -> float:
        return float("inf") if self.memory is None else self.memory

    def _knows(self, name: str) -> bool:
        space = space_of(self.distance)
        return name in APPROXIMATE and space is not None and space.metric in APPROXIMATE[name].metrics


def check_recall(value: Any) -> float:
    """Return a recall in (0, 1] as a float, or raise a ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"`recall` must be a share above 0 and up to 1: got {value!r}.\n  Pass 0.99, for example.")
    return float(value)


def check_memory(value: Any) -> int | None:
    """Return a budget in bytes, given as a number of them or as text such as "512 MB"; None for none."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?B?)\s*", value.upper()) if isinstance(value, str) else None
    if match is None or match[2] not in UNITS:
        raise ValueError(
            f"`memory` must be a number of bytes, or one with a unit: got {value!r}.\n"
            "  Pass 2_000_000_000, '512 MB' or '2 GiB'; None for no limit."
        )
    return int(float(match[1]) * UNITS[match[2]])


def _bytes(name: str, width: int) -> float:
    """Return about how much memory an engine takes for a row, beside the row."""
    return {
        "faiss": LINK_BYTES,
        "faiss-int8": LINK_BYTES + width,
        "faiss-ivf": width + 8,
        "faiss-pq": width / 4 + 8,
        "binary": width / 8,
    }[name]
