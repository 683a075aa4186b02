"""What Prometheus is told: requests, their seconds, batch sizes, what waits, and the indexes' sizes."""

from collections.abc import Callable
from functools import partial
from typing import Any

from keras_similarity.core.extras import import_extra

__all__ = ["Metrics"]

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PREFIX = "keras_similarity"


class Metrics:
    """The measurements of one server, in a registry of its own."""

    def __init__(self) -> None:
        prometheus = import_extra("prometheus_client", extra="serve", purpose="/metrics")
        self._render = prometheus.generate_latest
        self.content_type: str = prometheus.CONTENT_TYPE_LATEST.encode()
        self.registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            f"{PREFIX}_requests", "Answered requests", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = prometheus.Histogram(
            f"{PREFIX}_request_seconds", "From headers to answer", ["route"], buckets=SECONDS, registry=self.registry
        )
        self._rows = prometheus.Histogram(
            f"{PREFIX}_batch_rows", "Rows of one call", ["of"], buckets=ROWS, registry=self.registry
        )
        self._gauge = partial(prometheus.Gauge, registry=self.registry)
        self._gauges: dict[str, Any] = {}
        self._children: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def note(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (route, method, status)
        if key not in self._children:
            counter = self._requests.labels(route, method, str(status))
            self._children[key] = (counter.inc, self._seconds.labels(route).observe)
        count, observe = self._children[key]
        count()
        observe(seconds)

    def batches(self, of: str) -> Callable[[int], None]:
        """Return what counts the rows of each call of a batcher."""
        return self._rows.labels(of).observe

    def watch(self, name: str, what: str, read: Callable[[], float], **labels: str) -> None:
        """Show a value that is read when it is asked for."""
        if name not in self._gauges:
            self._gauges[name] = self._gauge(f"{PREFIX}_{name}", what, list(labels))
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return self._render(self.registry)
