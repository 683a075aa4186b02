"""Histograms that one thread alone notes values in: without a lock, which takes ten times as long as the noting."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from keras_similarity.core.extras import import_extra

__all__ = ["Histogram", "Histograms"]


class Histogram:
    """How many values lie up to each bound, and their sum.

    Args:
        bounds: Ascending.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Note a value, in the thread of the event loop."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def read(self) -> tuple[list[tuple[float, int]], float]:
        """Return each bound, the last infinite, with how many values lie up to it; and the sum."""
        total, buckets = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        return buckets, self._sum


class Histograms:
    """One measurement of several things, for a registry of Prometheus.

    Args:
        name: The measurement's.
        what: What it says.
        label: What tells the things apart.
        bounds: Of each.
    """

    def __init__(self, name: str, what: str, label: str, bounds: Sequence[float]) -> None:
        self._prometheus = import_extra("prometheus_client.core", extra="serve", purpose="/metrics")
        self._bound_text = import_extra("prometheus_client.utils", extra="serve", purpose="/metrics").floatToGoString
        self._about = name, what
        self._label = label
        self._bounds = bounds
        self._found: dict[str, Histogram] = {}

    def of(self, thing: str) -> Histogram:
        """Return the histogram of one thing."""
        return self._found.setdefault(thing, Histogram(self._bounds))

    def collect(self) -> Iterator[Any]:
        """Give what was noted, as a registry asks for it."""
        family = self._prometheus.HistogramMetricFamily(*self._about, labels=[self._label])
        for thing, histogram in self._found.items():
            buckets, total = histogram.read()
            family.add_metric([thing], [(self._bound_text(bound), count) for bound, count in buckets], total)
        yield family
