"""Calls to one Qdrant: with a limit of time, tried again while it is away, their errors made ours.

A call that changes something does no harm twice: points have the ids of their items as keys.
"""

import contextlib
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from keras_similarity.core.extras import import_extra
from keras_similarity.errors import DatabaseError, DatabaseUnavailableError, ReadOnlyIndexError
from keras_similarity.index.remote.opening import missing
from keras_similarity.index.remote.qdrant.address import Address
from keras_similarity.index.remote.qdrant.failures import as_failure, is_theirs
from keras_similarity.index.remote.qdrant.local import leave, share

__all__ = ["Session"]

WAIT_SECONDS = 10.0  # while the server is away
PAUSE_SECONDS = 0.1
WRITES = ("upsert", "delete")
LEAST_VERSION = (1, 16)  # since which an update can have a condition
T = TypeVar("T")


class Session:
    """Runs calls for one collection.

    Args:
        address: Where it is.
        read_only: Whether to refuse writes.
        make: Whether the folder of a local mode is to be made.

    Raises:
        MissingExtraError: qdrant-client is not installed.
        FileNotFoundError: a folder that is not there.
        DatabaseUnavailableError: the server cannot be reached.
        DatabaseError: it refuses the key, or is too old.
    """

    def __init__(self, address: Address, *, read_only: bool = False, make: bool = False) -> None:
        self.shown, self.table, self.local = address.shown, address.table, bool(address.folder)
        self.read_only = read_only
        self._address = address
        self._qdrant = import_extra("qdrant_client", extra="qdrant", purpose="an index in Qdrant")
        self.models: Any = self._qdrant.models
        self._turn: Any = contextlib.nullcontext()  # threads may share the client of a server
        if self.local and not make and not (Path(address.folder) / "meta.json").is_file():
            raise missing(self.shown)
        self._client: Any = self._tried(self._opened)
        if not self.local:
            self._check_version()

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Return what a method of the client returns for the collection.

        Args:
            name: Of the method; one that does no harm twice.
            *arguments: Of the method.
            **options: Of the method.
        """
        if name in WRITES:
            self.check_writable()

        def work() -> Any:
            if self._client is None:
                raise DatabaseError(f"{self.shown} was closed.\n  Open it again.")
            with self._turn:
                return getattr(self._client, name)(self.table, *arguments, **options)

        return self._tried(work, writes=name in WRITES)

    def check_writable(self) -> None:
        """Raise a ReadOnlyIndexError where the index was opened to be read."""
        if self.read_only:
            raise ReadOnlyIndexError(f"{self.shown} was opened to be read.\n  Open it without read_only.")

    def close(self) -> None:
        """Close the connection; of a folder, when the last index in it is closed."""
        client, self._client = self._client, None
        if self.local:
            self._leave()
        elif client is not None:
            client.close()

    def _tried(self, work: Callable[[], T], *, writes: bool = False) -> T:
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return work()
            except Exception as error:
                if not is_theirs(error):
                    raise
                failure = as_failure(error, self.shown, self._address.api_key, writes=writes)
            if not isinstance(failure, DatabaseUnavailableError) or time.monotonic() > until:
                raise failure  # without theirs as its cause: a traceback would show what it was called with
            time.sleep(PAUSE_SECONDS)

    def _opened(self) -> Any:
        address, client = self._address, self._qdrant.QdrantClient
        if not self.local:
            # Its own check of versions is a warning: the version is checked here.
            key = address.api_key or None
            return client(url=address.url, api_key=key, timeout=address.timeout, check_compatibility=False)
        shared = share(address.folder, lambda: client(path=address.folder, force_disable_check_same_thread=True))
        self._turn = shared.turn
        self._leave = weakref.finalize(self, leave, address.folder)  # once, also for who forgets to close
        return shared.client

    def _check_version(self) -> None:
        try:
            version = str(self._tried(lambda: self._client.info().version))
            if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
                raise DatabaseError(f"{self.shown} needs Qdrant 1.16 or newer: it is {version}.\n  Upgrade the server.")
        except BaseException:
            self.close()
            raise
