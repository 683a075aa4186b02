"""The search that is asked again and again, prepared on each connection and sent by libpq itself.

psycopg prepares what is repeated, too; but for each call it makes a cursor, looks at the types and turns every value
into Python's, which takes a tenth of a millisecond of the half that the whole search does.
"""

import weakref
from typing import Any

__all__ = ["PreparedSearches"]

MOST_STATEMENTS = 8  # of a connection: there is one for each k
BINARY = 1


class PreparedSearches:
    """The statements that each connection has prepared, told apart by their SQL."""

    def __init__(self) -> None:
        from psycopg.generators import execute
        from psycopg.pq import ExecStatus

        self._names: weakref.WeakKeyDictionary[Any, dict[str, bytes]] = weakref.WeakKeyDictionary()
        self._execute, self._good = execute, (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)

    def columns(self, connection: Any, sql: str, value: bytes) -> list[list[Any]] | None:
        """Return what a statement finds, column by column, as the server sends it in binary.

        Args:
            connection: Of psycopg, outside of a pipeline.
            sql: A query with the placeholder $1, whose type follows from where it stands.
            value: What takes its place, in binary.

        Returns:
            A list of bytes for each column, None for NULL; None where the connection has prepared as many other
            statements as it may.

        Raises:
            psycopg.Error: as psycopg's own way of asking does.
        """
        name = self._name(connection, sql)
        if name is None:
            return None
        connection.pgconn.send_query_prepared(name, [value], [BINARY], BINARY)
        result = self._answer(connection)
        get, rows = result.get_value, range(result.ntuples)
        return [[get(row, column) for row in rows] for column in range(result.nfields)]

    def _name(self, connection: Any, sql: str) -> bytes | None:
        names = self._names.setdefault(connection, {})
        if sql not in names:
            if len(names) == MOST_STATEMENTS:
                return None
            name = b"keras_similarity_%d" % len(names)
            connection.pgconn.send_prepare(name, sql.encode())
            self._answer(connection)
            names[sql] = name
        return names[sql]

    def _answer(self, connection: Any) -> Any:
        """Wait as psycopg does: Ctrl-C ends the statement, and a connection that is gone is an OperationalError."""
        (result,) = connection.wait(self._execute(connection.pgconn))
        if result.status not in self._good:
            from psycopg.errors import error_from_result

            raise error_from_result(result, connection.info.encoding)
        return result
