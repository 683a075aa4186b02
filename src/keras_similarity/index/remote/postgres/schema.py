"""The tables of an index, their version, and the steps from one version to the next.

    NAME          a row an item: when it came (seq), its id, the code of its label, data, metadata, embedding
    NAME_labels   a row a label: its code and its JSON
    NAME_state    one row: the version, the settings, the counters, what was built

An id is in one of two columns, since 1 and "1" differ. Every write begins by locking the row of the state, so writers
take turns, and what they count is right; readers wait for nobody.
"""

import json
from dataclasses import dataclass
from typing import Any

from keras_similarity.errors import DatabaseError, IndexFormatError
from keras_similarity.index.remote.opening import missing, taken
from keras_similarity.index.remote.postgres.session import Session

__all__ = ["SCHEMA_VERSION", "State", "Tables", "create", "lock", "open_state", "read_state"]

SCHEMA_VERSION = 1
# Version -> the statements that lead to the next; `{rows}`, `{labels}` and `{state}` are the tables.
MIGRATIONS: dict[int, tuple[str, ...]] = {}

CREATE = (
    "CREATE TABLE {state} (one boolean PRIMARY KEY DEFAULT true CHECK (one), schema_version int NOT NULL, "
    "settings jsonb NOT NULL, next_id numeric NOT NULL, next_seq int8 NOT NULL, items int8 NOT NULL, "
    "labels int NOT NULL, text_ids boolean NOT NULL, generation int8 NOT NULL, built jsonb NOT NULL)",
    "CREATE TABLE {labels} (code int PRIMARY KEY, label text NOT NULL)",
    'CREATE TABLE {rows} (seq int8 PRIMARY KEY, id_int int8, id_text text COLLATE "C", label int, data bytea, '
    "metadata jsonb, embedding {vector} NOT NULL, CHECK (num_nonnulls(id_int, id_text) = 1))",
    "CREATE UNIQUE INDEX ON {rows} (id_int) WHERE id_int IS NOT NULL",
    "CREATE UNIQUE INDEX ON {rows} (id_text) WHERE id_text IS NOT NULL",
)
STATE = "next_id, next_seq, items, labels, text_ids, generation, built"


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of an index's tables, as SQL; each is of letters that need no escape.

    Args:
        name: Of the rows, with its schema or without.
    """

    name: str

    @property
    def rows(self) -> str:
        """The table of items."""
        return self._quoted("")

    @property
    def labels(self) -> str:
        """The table of labels."""
        return self._quoted("_labels")

    @property
    def state(self) -> str:
        """The table of one row."""
        return self._quoted("_state")

    @property
    def graph(self) -> str:
        """The index over the embeddings."""
        return self._quoted("_hnsw")

    def index(self, name: str) -> str:
        """An index as it is called when it is made: without its schema, which is its table's."""
        return self._quoted(f"_{name}", schema=False)

    def _quoted(self, end: str, *, schema: bool = True) -> str:
        parts = f"{self.name}{end}".split(".")
        return ".".join(f'"{part}"' for part in (parts if schema else parts[-1:]))


@dataclass(frozen=True, slots=True)
class State:
    """The counters of an index.

    Args:
        next_id: The next int id that `add` gives.
        next_seq: The place in the order of additions that the next item takes.
        items: How many there are.
        labels: How many labels were ever given.
        text_ids: Whether an id was ever a string.
        generation: Grows with every write.
        built: The report of what `build` made, {} before.
    """

    next_id: int
    next_seq: int
    items: int
    labels: int
    text_ids: bool
    generation: int
    built: dict[str, Any]


def create(session: Session, tables: Tables, settings: dict[str, Any], vector: str) -> None:
    """Make the tables of a new index.

    Raises:
        FileExistsError: one of that name is there.
    """
    from psycopg.errors import DuplicateObject, DuplicateTable, UniqueViolation

    def work(connection: Any) -> None:
        there = connection.execute("SELECT to_regclass(%s), to_regclass(%s)", (tables.state, tables.rows)).fetchone()
        if there != (None, None):
            raise taken(session.shown, "table")
        try:
            for statement in CREATE:
                names = {"state": tables.state, "labels": tables.labels, "rows": tables.rows}
                connection.execute(statement.format(vector=vector, **names))
        except (DuplicateObject, DuplicateTable, UniqueViolation):  # of its catalogue: another makes it at this moment
            raise taken(session.shown, "table") from None
        connection.execute(
            f"INSERT INTO {tables.state} (schema_version, settings, {STATE}) "
            "VALUES (%s, %s::jsonb, 0, 0, 0, 0, false, 0, '{}')",
            (SCHEMA_VERSION, json.dumps(settings)),
        )

    if _encoding(session) != "UTF8":
        raise DatabaseError(
            f"an index needs a database in UTF8: that of {session.shown} is in {_encoding(session)}.\n"
            "  Make one with ENCODING 'UTF8'."
        )
    session.write(work)


def open_state(session: Session, tables: Tables) -> tuple[dict[str, Any], State]:
    """Return the settings and the state of an index; where its tables are of an older version, bring them up to date.

    Raises:
        FileNotFoundError: no index is there.
        IndexFormatError: its version is newer than this release, or older and it is opened to be read.
    """

    def look(connection: Any) -> tuple[int, dict[str, Any]] | None:
        if connection.execute("SELECT to_regclass(%s)", (tables.state,)).fetchone()[0] is None:
            return None
        return connection.execute(f"SELECT schema_version, settings FROM {tables.state}").fetchone()

    found = session.read(look)
    if found is None:
        raise missing(session.shown)
    version, settings = found
    if version > SCHEMA_VERSION:
        raise IndexFormatError(
            f"the tables of {session.shown} are of version {version}; this release reads versions up to "
            f"{SCHEMA_VERSION}.\n  Upgrade with: pip install -U keras-similarity"
        )
    if version < SCHEMA_VERSION:
        _migrate(session, tables, version)
    return settings, session.read(lambda connection: read_state(connection, tables))


def read_state(connection: Any, tables: Tables) -> State:
    """Return the state as of now."""
    return _state(connection.execute(f"SELECT {STATE} FROM {tables.state}").fetchone())


def lock(connection: Any, tables: Tables) -> State:
    """Return the state, and keep other writers waiting until the transaction ends."""
    return _state(connection.execute(f"SELECT {STATE} FROM {tables.state} FOR UPDATE").fetchone())


def _state(row: Any) -> State:
    return State(int(row[0]), *row[1:])


def _migrate(session: Session, tables: Tables, version: int) -> None:
    if session.read_only:
        raise IndexFormatError(
            f"the tables of {session.shown} are of version {version}; this release writes version {SCHEMA_VERSION}.\n"
            "  Open the index once without read_only, which brings them up to date."
        )

    def work(connection: Any) -> None:
        row = connection.execute(f"SELECT schema_version FROM {tables.state} FOR UPDATE").fetchone()
        for step in range(row[0], SCHEMA_VERSION):  # another process may have done it meanwhile
            for statement in MIGRATIONS[step]:
                connection.execute(statement.format(rows=tables.rows, labels=tables.labels, state=tables.state))
        connection.execute(f"UPDATE {tables.state} SET schema_version = %s", (SCHEMA_VERSION,))

    session.write(work)


def _encoding(session: Session) -> str:
    return session.read(lambda connection: connection.execute("SHOW server_encoding").fetchone()[0])
