"""Connections to one database: a pool, tries again where that is safe, and transactions that happen once or not at all.

A search is tried again on a new connection. A write is tried again when it was not committed. When the connection goes
away during the commit itself, the server is asked what became of that very transaction.
"""

import contextlib
import logging
import os
import time
import weakref
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from keras_similarity.core.extras import import_extra
from keras_similarity.errors import DatabaseError, DatabaseUnavailableError, ReadOnlyIndexError
from keras_similarity.index.remote.postgres.address import Address
from keras_similarity.index.remote.postgres.failures import as_failure, is_fleeting, is_lost
from keras_similarity.index.remote.postgres.wire import register

__all__ = ["Session"]

TRIES = 3
WAIT_SECONDS = 10.0  # for a connection, while the server is away
PAUSE_SECONDS = 0.05  # between questions about a transaction
VECTOR_VERSION = (0, 8)  # of pgvector: iterative scans
T = TypeVar("T")

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # silent, unless the program asks for a log


class Session:
    """Runs work on connections to one database.

    Args:
        address: Where it is.
        read_only: Whether to refuse writes.
        durable: Whether a commit waits for the disk.

    Raises:
        MissingExtraError: psycopg or its pool is not installed.
        DatabaseUnavailableError: the server cannot be reached; its own reason is in the message.
        DatabaseError: it has no pgvector, or one before 0.8.
    """

    def __init__(self, address: Address, *, read_only: bool = False, durable: bool = True) -> None:
        self.shown = address.shown
        self.read_only = read_only
        self._address = address
        self._commit = "on" if durable else "off"
        self._type_ids: dict[str, tuple[int, int]] = {}
        self._settings: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()  # by connection
        pool = import_extra("psycopg_pool", extra="postgres", purpose="an index in PostgreSQL")
        with self._connected() as connection:
            self._require_vectors(connection)
        self._pool = pool.ConnectionPool(
            address.conninfo,
            min_size=1,
            max_size=address.connections,
            timeout=WAIT_SECONDS,
            reconnect_timeout=WAIT_SECONDS,
            kwargs={"autocommit": True},
            configure=lambda connection: register(connection, self._type_ids),
            name=address.shown,
            open=True,
        )

    def read(self, work: Callable[[Any], T]) -> T:
        """Return what `work` returns for a connection; on another one, where the first has gone."""
        return self._tried(work)

    def snapshot(self, work: Callable[[Any], T]) -> T:
        """Return what `work` returns for a connection on which every statement sees the same moment."""

        def inside(connection: Any) -> T:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return work(connection)

        return self._tried(inside)

    def write(self, work: Callable[[Any], T]) -> T:
        """Return what `work` returns, its changes committed once; none of them, where this raises.

        Args:
            work: Called with a connection inside a transaction, once more where the first one was undone.
        """
        if self.read_only:
            raise ReadOnlyIndexError(f"{self.shown} was opened to be read.\n  Open it without read_only.")
        return self._tried(lambda connection: self._transaction(connection, work))

    def set(self, connection: Any, *settings: tuple[str, Any]) -> None:
        """Have settings of pgvector on a connection, at no cost when it has them already."""
        if self._settings.get(connection) != settings:
            for name, value in settings:
                connection.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
            self._settings[connection] = settings

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _tried(self, work: Callable[[Any], T]) -> T:
        import psycopg
        import psycopg_pool

        until = time.monotonic() + WAIT_SECONDS
        for left in reversed(range(TRIES)):
            try:
                return self._on_connection(work, max(until - time.monotonic(), PAUSE_SECONDS))
            except psycopg_pool.PoolTimeout:
                with self._connected():  # or its own reason
                    pass
                raise DatabaseUnavailableError(
                    f"all {self._address.connections} connections to {self.shown} were busy for {WAIT_SECONDS:.0f} s.\n"
                    "  Allow more: &connections=32."
                ) from None
            except psycopg_pool.PoolClosed:
                raise DatabaseError(f"{self.shown} was closed.\n  Open it again.") from None
            except psycopg.Error as error:
                if left == 0 or not is_fleeting(error):
                    # Without theirs as its cause: a traceback would show its details, which quote rows.
                    raise as_failure(error, self.shown) from None
                if is_lost(error):
                    self._pool.check()  # the others are gone with it
        raise AssertionError("the last try returns or raises")

    def _on_connection(self, work: Callable[[Any], T], seconds: float) -> T:
        connection = self._pool.getconn(seconds)
        try:
            return work(connection)
        finally:
            self._pool.putconn(connection)

    def _transaction(self, connection: Any, work: Callable[[Any], T]) -> T:
        connection.execute("BEGIN")
        try:
            if self._commit == "off":
                connection.execute("SET LOCAL synchronous_commit = off")
            transaction = connection.execute("SELECT pg_current_xact_id()::text").fetchone()[0]
            done = work(connection)
        except BaseException:
            self._settings.pop(connection, None)  # they are undone too
            if not connection.broken:
                connection.execute("ROLLBACK")
            raise
        try:
            connection.execute("COMMIT")
        except Exception as error:
            if not is_lost(error) or not self._was_committed(transaction):
                raise
        return done

    def _was_committed(self, transaction: str) -> bool:
        """Ask the server what became of a transaction whose commit was not answered, until it answers that.

        An error of the question's own must not pass for the write's, which would be done again.
        """
        import psycopg

        until = time.monotonic() + WAIT_SECONDS
        status: Any = "unknown"
        while time.monotonic() < until:
            with contextlib.suppress(DatabaseUnavailableError, psycopg.Error), self._connected() as connection:
                status = connection.execute("SELECT pg_xact_status(%s::xid8)", (transaction,)).fetchone()[0]
                if status in ("committed", "aborted"):
                    return status == "committed"
            time.sleep(PAUSE_SECONDS)
        raise DatabaseUnavailableError(
            f"the database of {self.shown} went away during a commit, and whether the write is there is not known.\n"
            "  Look when it is back; adding with the same ids again does no harm."
        ) from None

    @contextlib.contextmanager
    def _connected(self) -> Generator[Any]:
        """A connection beside the pool's, which says at once why there is none."""
        psycopg = import_extra("psycopg", extra="postgres", purpose="an index in PostgreSQL")
        try:
            connection = psycopg.connect(self._address.conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            raise self._unreachable(error) from None
        with connection:
            yield connection

    def _unreachable(self, error: Exception) -> DatabaseUnavailableError:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        used = getattr(getattr(error, "pgconn", None), "password", b"").decode(errors="replace")  # of any source
        for secret in filter(None, (*self._address.secrets, used, os.environ.get("PGPASSWORD"))):
            reason = reason.replace(secret, "***")
        return DatabaseUnavailableError(
            f"the database of {self.shown} cannot be reached: {reason}.\n"
            "  Nothing was changed; check that it runs, and the user and the password."
        )

    def _require_vectors(self, connection: Any) -> None:
        import psycopg

        version = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        try:
            found = connection.execute(version).fetchone()
            if found is None and not self.read_only:
                errors = psycopg.errors
                refused = errors.InsufficientPrivilege, errors.FeatureNotSupported
                with contextlib.suppress(*refused, errors.UniqueViolation, errors.DuplicateObject):  # made at once
                    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                found = connection.execute(version).fetchone()
            if found is None or tuple(map(int, found[0].split(".")[:2])) < VECTOR_VERSION:
                raise DatabaseError(
                    f"an index needs pgvector 0.8 in its database: that of {self.shown} has "
                    f"{found[0] if found else 'none'}.\n"
                    "  Have its administrator run: CREATE EXTENSION vector; (or ALTER EXTENSION vector UPDATE;)"
                )
            rows = connection.execute(
                "SELECT typname, oid::int8, typarray::int8 FROM pg_type "
                "WHERE oid IN ('vector'::regtype, 'halfvec'::regtype)"
            ).fetchall()
        except psycopg.Error as error:
            raise as_failure(error, self.shown) from None
        self._type_ids = {name: (number, array) for name, number, array in rows}
