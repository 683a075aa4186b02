"""Calls to one Milvus: with a limit of time, tried again where that is safe, their errors made ours.

Whatever changes something is made so that it does no harm twice: rows have their places as keys, and a second try
replaces what the first one may have left.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from keras_similarity.core.extras import import_extra
from keras_similarity.errors import DatabaseError, ReadOnlyIndexError
from keras_similarity.index.remote.milvus.address import Address
from keras_similarity.index.remote.milvus.failures import as_failure, is_not_ready
from keras_similarity.index.rows import Floats

__all__ = ["ITEMS", "NOTES", "Session"]

ITEMS, NOTES = "items", "notes"  # the partitions of a collection
WAIT_SECONDS = 10.0  # while the server is not ready; while it is away, pymilvus waits
PAUSE_SECONDS = 0.05
NEWEST = "Strong"  # wait for everything that anybody has written
OWN = "Session"  # and for everything that this process has
T = TypeVar("T")


class Session:
    """Runs calls for one collection.

    Args:
        address: Where it is.
        read_only: Whether to refuse writes.

    Raises:
        MissingExtraError: pymilvus is not installed.
        DatabaseUnavailableError: the server cannot be reached.
        DatabaseError: it refuses the user.
    """

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        self.shown, self.table = address.shown, address.table
        self.read_only = read_only
        self._address = address
        self._milvus = import_extra("pymilvus", extra="milvus", purpose="an index in Milvus")
        _silence()
        self._client: Any = None
        self._client = self._tried(self._connected)

    @property
    def pymilvus(self) -> Any:
        """The package."""
        return self._milvus

    def call(self, name: str, *arguments: Any, timeout: float | None = None, **options: Any) -> Any:
        """Return what a method of pymilvus's client returns.

        Args:
            name: Of the method; one that does no harm twice.
            *arguments: Of the method.
            timeout: Seconds; the address's without.
            **options: Of the method.
        """
        limit = self._address.timeout if timeout is None else timeout
        return self._tried(lambda: getattr(self._open(), name)(*arguments, timeout=limit, **options))

    def query(
        self, condition: str, fields: list[str], *, part: str = ITEMS, limit: int | None = None, newest: bool = False
    ) -> list[dict[str, Any]]:
        """Return the rows for which a condition holds."""
        options: dict[str, Any] = {} if limit is None else {"limit": limit}
        return self.call(
            "query",
            self.table,
            filter=condition,
            output_fields=fields,
            partition_names=[part],
            consistency_level=NEWEST if newest else OWN,
            **options,
        )

    def search(
        self, queries: Floats, condition: str, limit: int, params: dict[str, Any], fields: list[str]
    ) -> list[Any]:
        """Return for each query the rows that Milvus finds nearest, with their distances as it computes them."""
        return self.call(
            "search",
            self.table,
            data=queries,
            filter=condition,
            limit=limit,
            search_params=params,
            output_fields=fields,
            partition_names=[ITEMS],
            consistency_level=OWN,
        )

    def put(self, rows: list[dict[str, Any]], *, part: str = ITEMS, over: bool = False) -> None:
        """Write rows; where it is not known whether they arrived, write them once more over themselves.

        Args:
            rows: With every field.
            part: The partition.
            over: Whether rows with these keys may be there.
        """
        self.check_writable()
        tries = int(over)

        def work() -> None:
            nonlocal tries
            tries += 1
            name = "insert" if tries == 1 else "upsert"
            getattr(self._open(), name)(self.table, rows, partition_name=part, timeout=self._address.timeout)

        self._tried(work)

    def delete(self, condition: str, *, part: str = ITEMS) -> None:
        """Delete the rows for which a condition holds."""
        self.check_writable()
        self.call("delete", self.table, filter=condition, partition_name=part)

    def check_writable(self) -> None:
        """Raise a ReadOnlyIndexError where the index was opened to be read."""
        if self.read_only:
            raise ReadOnlyIndexError(f"{self.shown} was opened to be read.\n  Open it without read_only.")

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _open(self) -> Any:
        if self._client is None:
            raise DatabaseError(f"{self.shown} was closed.\n  Open it again.")
        return self._client

    def _tried(self, work: Callable[[], T]) -> T:
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                with _quiet():
                    return work()
            except Exception as error:
                if not _is_theirs(error):
                    raise
                if not is_not_ready(error) or time.monotonic() > until:
                    # Without theirs as its cause: a traceback would show what they were called with.
                    raise as_failure(error, self.shown, self._address.secrets) from None
            time.sleep(PAUSE_SECONDS)

    def _connected(self) -> Any:
        address = self._address
        more: dict[str, Any] = {"ca_pem_path": address.ca} if address.ca else {}
        return self._milvus.MilvusClient(
            uri=address.uri,
            user=address.user,
            password=address.password,
            token=address.token,
            db_name=address.database,
            timeout=address.timeout,
            **more,
        )


def _is_theirs(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("pymilvus", "grpc")


_OURS = threading.local()  # whether a thread is in a call of ours


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    _OURS.calls = getattr(_OURS, "calls", 0) + 1
    try:
        yield
    finally:
        _OURS.calls -= 1


def _is_of_others(record: logging.LogRecord) -> bool:
    return not getattr(_OURS, "calls", 0)


def _silence() -> None:
    """Keep pymilvus from writing the errors of our calls to stderr, by the handler that it makes; they are raised."""
    for handler in logging.getLogger("pymilvus").handlers:
        if _is_of_others not in handler.filters:
            handler.addFilter(_is_of_others)
