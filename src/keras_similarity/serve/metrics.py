"""What Prometheus is told: requests and calls, their sizes and seconds, what waits, and the indexes' sizes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from keras_similarity.core.extras import import_extra
from keras_similarity.serve.histograms import Histograms

__all__ = ["ABANDONED", "CallMetrics", "Metrics"]

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PREFIX = "keras_similarity"
ABANDONED = "Calls that were given up and have not come back"


class CallMetrics(NamedTuple):
    """What is told of the calls of one model or index; each is a function that takes a number."""

    rows: Callable[[float], None]
    wait_seconds: Callable[[float], None]
    call_seconds: Callable[[float], None]


class Metrics:
    """The measurements of one server, in a registry of its own.

    Example:
        >>> metrics = Metrics()
        >>> metrics.note("/v1/indexes", "GET", 200, 0.003)
        >>> 'requests_total{method="GET",route="/v1/indexes",status="200"} 1.0' in metrics.render().decode()
        True
    """

    def __init__(self) -> None:
        prometheus = import_extra("prometheus_client", extra="serve", purpose="/metrics")
        self._render = prometheus.generate_latest
        self.content_type: str = prometheus.CONTENT_TYPE_LATEST.encode()
        self.registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            f"{PREFIX}_requests", "Answered requests", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = self._histograms("request_seconds", "From headers to answer", "route", SECONDS)
        self._rows = self._histograms("batch_rows", "Rows of one call", "of", ROWS)
        self._wait = self._histograms("wait_seconds", "That a call's first rows waited", "of", SECONDS)
        self._call = self._histograms("call_seconds", "Of one call", "of", SECONDS)
        self._gauge = partial(prometheus.Gauge, registry=self.registry)
        self._gauges: dict[str, Any] = {}
        self._children: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def note(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (route, method, status)
        if key not in self._children:
            counter = self._requests.labels(route, method, str(status))
            self._children[key] = (counter.inc, self._seconds.of(route).observe)
        count, observe = self._children[key]
        count()
        observe(seconds)

    def calls(self, of: str) -> CallMetrics:
        """Return where the calls of a batcher are noted."""
        return CallMetrics(*(histograms.of(of).observe for histograms in (self._rows, self._wait, self._call)))

    def watch(self, name: str, what: str, read: Callable[[], float], **labels: str) -> None:
        """Show a value that is read when it is asked for."""
        if name not in self._gauges:
            self._gauges[name] = self._gauge(f"{PREFIX}_{name}", what, list(labels))
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def _histograms(self, name: str, what: str, label: str, bounds: Sequence[float]) -> Histograms:
        made = Histograms(f"{PREFIX}_{name}", what, label, bounds)
        self.registry.register(made)
        return made

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return self._render(self.registry)
