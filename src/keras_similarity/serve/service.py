"""What a server serves: indexes, perhaps an encoder, keys and limits, and whether it is ready."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keras_similarity.embed import Encoder
from keras_similarity.serve.access_log import AccessLog
from keras_similarity.serve.encoding import ServedEncoder
from keras_similarity.serve.explorer import Explorer
from keras_similarity.serve.keys import ApiKeys
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import Metrics
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.served_index import ServedIndex, name_of

__all__ = ["LOOPBACK", "Service", "is_loopback", "served_indexes"]

logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})  # as a `Host` header says them


def is_loopback(host: str) -> bool:
    """Return whether this machine alone reaches a server that listens at `host`.

    Example:
        >>> is_loopback("::1"), is_loopback("0.0.0.0")
        (True, False)
    """
    return host in LOOPBACK or f"[{host}]" in LOOPBACK


@dataclass(slots=True, eq=False)
class Service:
    """The state that all requests share.

    Args:
        indexes: By name.
        keys: Who may do what; none for everybody.
        limits: Of every request.
        metrics: What is counted.
        log: Where requests are written down.
        hosts: Names that a `Host` header may say; None for any.
        snapshots: Folder for snapshots; None to refuse them.
        explorer: What the explorer page asks; None for a server without the page.
        encoder: What embeds images and texts, once it is loaded.
        loading: Whether an encoder is still to come.
        stopping: Whether no more requests are wanted.

    Example:
        >>> service = Service({}, loading=True)
        >>> service.why_not_ready()
        'the model is being loaded'
    """

    indexes: dict[str, ServedIndex]
    keys: ApiKeys = field(default_factory=ApiKeys)
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    log: AccessLog = field(default_factory=AccessLog.on_stderr)
    hosts: frozenset[str] | None = LOOPBACK
    snapshots: Path | None = None
    explorer: Explorer | None = None
    encoder: ServedEncoder | None = None
    loading: bool = False
    stopping: bool = False

    def index(self, name: str) -> ServedIndex:
        """Return an index, or raise a 404."""
        if name not in self.indexes:
            known = ", ".join(sorted(self.indexes)) or "none"
            raise Problem(404, f"no index is called {name!r:.80}; there are {known}.\n  GET /v1/indexes lists them.")
        return self.indexes[name]

    def existing_encoder(self) -> ServedEncoder:
        """Return the encoder, or raise a 503 while it loads and a 422 where there is none."""
        if self.loading:
            raise Problem(503, "the model is being loaded.\n  Try again.", headers={b"retry-after": b"1"})
        if self.encoder is None:
            raise Problem(422, "this server has no model: send vectors.\n  Or start it with --encoder MODEL.")
        return self.encoder

    def use(self, encoder: Encoder) -> None:
        """Serve an encoder from now on, once it was called with every size of batch."""
        for name, index in self.indexes.items():
            if index.index.dim != encoder.dim:
                logger.warning(
                    "the model %s gives %d numbers and the index %s holds vectors of %d: it cannot be asked by image "
                    "or text; serve the model that filled it",
                    *(encoder.name, encoder.dim, name, index.index.dim),
                )
        served = ServedEncoder(encoder, self.limits, self.metrics)
        served.warm_up()
        self.encoder, self.loading = served, False

    def why_not_ready(self) -> str | None:
        """Return why requests should go elsewhere, None when they are welcome."""
        if self.stopping:
            return "the server is stopping"
        if self.loading:
            return "the model is being loaded"
        stuck = [name for name, index in self.indexes.items() if not index.usable]
        if stuck:
            return f"searches of {', '.join(stuck)} do not come back"
        broken = [name for name, index in self.indexes.items() if not index.writable]
        if broken:
            return f"the disk of {', '.join(broken)} refuses writes"
        if self.encoder is not None and not self.encoder.usable:
            return "the model does not come back"
        return None

    def close(self) -> None:
        """Finish writes, and let go of files."""
        for index in self.indexes.values():
            index.close()
        if self.encoder is not None:
            self.encoder.close()
        if self.explorer is not None:
            self.explorer.close()


def served_indexes(
    paths: Sequence[Path | str], limits: Limits, metrics: Metrics, *, read_only: bool = False
) -> dict[str, ServedIndex]:
    """Open indexes, each named by its folder's stem, or by its table where it lives in a database.

    Raises:
        ValueError: two of one name.
        FileNotFoundError, IndexFormatError: see `Index.open`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keras_similarity import Index
        >>> with TemporaryDirectory() as folder:
        ...     Index(2).save(f"{folder}/shelf.index")
        ...     indexes = served_indexes([Path(folder, "shelf.index")], Limits(), Metrics())
        >>> list(indexes), len(indexes["shelf"].index)
        (['shelf'], 0)
        >>> indexes["shelf"].close()
    """
    found: dict[str, ServedIndex] = {}
    for path in paths:
        name = name_of(path)
        if name in found:
            raise ValueError(f"two indexes are called {name!r}.\n  Rename one folder or table.")
        found[name] = ServedIndex(path, limits, metrics, read_only=read_only)
    return found
