"""The database of an index: SQLite, the truth about ids, labels, records, removed rows and which segments there are.

SQLite keeps a write whole through a crash, and does not notice a bit that flips later. So every row has a checksum, and
the state, one row, says how many rows the other tables have and what they add up to.
"""

import contextlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.errors import CorruptIndexError, IndexFormatError, ReadOnlyIndexError
from keras_similarity.index.stores.disk.connection import connect, explained
from keras_similarity.index.stores.disk.state import Item, State, crc_of, data_crc, is_sound_pending, mix
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["FILE", "FORMAT_VERSION", "Database"]

FILE = "index.sqlite"
FORMAT = "keras-similarity store"
FORMAT_VERSION = 1
LEFT_BY_PARENTS: list[sqlite3.Connection] = []  # kept: to close them would close the parent's files

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE items (row INTEGER PRIMARY KEY, id NOT NULL, label INTEGER NOT NULL, metadata TEXT, crc INTEGER NOT NULL,
                    data BLOB, data_crc INTEGER NOT NULL);
CREATE TABLE pending (row INTEGER PRIMARY KEY, vector BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE removed (row INTEGER PRIMARY KEY);
CREATE TABLE labels (code INTEGER PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL);
"""


class Database:
    """A connection to the database in a folder; safe to use from several threads.

    Args:
        folder: Where the index is.
        durability: "full" or "fast".
        create: Whether to make a new database.

    Raises:
        IndexFormatError: another format, or (`CorruptIndexError`) damage.
        ReadOnlyIndexError: it cannot even be opened to read.
    """

    def __init__(self, folder: Path, durability: str = "full", *, create: bool = False) -> None:
        self.path = folder / FILE
        self._durability = durability
        self._open(create=create)

    def _open(self, *, create: bool = False) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        with explained(self.path):
            self._open_connection: sqlite3.Connection | None = connect(self.path, self._durability, create=create)
        # Not at exit: a child of a fork must leave its parent's connection alone.
        weakref.finalize(self, self._open_connection.close).atexit = False

    @property
    def _connection(self) -> sqlite3.Connection:
        """The connection; a child of a fork must not touch its parent's, and opens its own."""
        if self._open_connection is None:
            raise ReadOnlyIndexError(f"the index in {self.path.parent} is closed.\n  Open it again with `Index.open`.")
        if self._pid != os.getpid():
            LEFT_BY_PARENTS.append(self._open_connection)
            self._open()
        return self._open_connection

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._open_connection is not None:
                self._connection.close()
            self._open_connection = None

    def require_open(self) -> None:
        """Raise a ReadOnlyIndexError after `close`."""
        _ = self._connection

    def reopen(self) -> None:
        """Open it again after `close`."""
        self._open()

    def create(self, settings: dict[str, Any]) -> None:
        """Make the tables of a new index."""
        with self.writing() as connection:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            about = {"format": FORMAT, "format_version": FORMAT_VERSION}
            for key, value in (("format", about), ("settings", settings)):
                text = json.dumps(value, sort_keys=True)
                connection.execute("INSERT INTO meta VALUES (?, ?, ?)", (key, text, crc_of(key, text)))
            text = State().to_json()
            connection.execute("INSERT INTO meta VALUES (?, ?, ?)", ("state", text, crc_of("state", text)))

    def settings(self) -> dict[str, Any]:
        """Return what the index was made with."""
        about = json.loads(self._meta("format"))
        if about.get("format") != FORMAT or about.get("format_version") != FORMAT_VERSION:
            raise IndexFormatError(
                f"{self.path} has format {about.get('format')!r}, version {about.get('format_version')}; this release "
                f"reads {FORMAT!r}, version {FORMAT_VERSION}.\n  Upgrade with: pip install -U keras-similarity"
            )
        return json.loads(self._meta("settings"))

    def state(self) -> State:
        """Return the state there is now."""
        return State.from_json(self._meta("state"))

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """See the database as it is at one moment."""
        with self._lock, explained(self.path):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Write, all of it or nothing; what returned survives a crash."""
        with self._lock, explained(self.path):
            at_write_point("before begin")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                at_write_point("before commit")
                self._connection.execute("COMMIT")
                at_write_point("after commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise

    def integrity(self) -> list[str]:
        """Return what SQLite itself finds wrong."""
        found = [text for (text,) in self._all("PRAGMA integrity_check(20)")]
        wanted = sorted(statement.strip() for statement in SCHEMA.split(";") if statement.strip())
        if sorted(sql for (sql,) in self._all("SELECT sql FROM sqlite_master WHERE sql NOT NULL")) != wanted:
            found.append("its tables are not those of an index")
        return [text for text in found if text != "ok"]

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return the rows of one of the small tables, in order."""
        return self._all(f"SELECT * FROM {table} ORDER BY 1")

    def numbers(self, first: int, last: int) -> list[int]:
        """Return the numbers of the items in a range."""
        return [
            row for (row,) in self._all("SELECT row FROM items WHERE row BETWEEN ? AND ? ORDER BY row", first, last)
        ]

    def vacuum(self) -> None:
        """Write the database anew, without the room that deleted rows left."""
        with self._lock, explained(self.path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def set_state(self, state: State) -> None:
        """Write the state; only while writing."""
        text = state.to_json()
        at_write_point("before state")
        self._connection.execute(
            "UPDATE meta SET value = ?, crc = ? WHERE key = 'state'", (text, crc_of("state", text))
        )

    def removed(self, state: State) -> NDArray[np.int64]:
        """Return the numbers of the removed rows, ascending."""
        found = self._all("SELECT row FROM removed ORDER BY row")
        rows = np.fromiter((row for (row,) in found), np.int64, len(found))
        if len(rows) != state.removed or mix(rows) != state.removed_mix:
            raise self.damaged("the list of removed rows has changed")
        return rows

    def labels(self, state: State, first: int = 0) -> list[str]:
        """Return the labels from a code on, as JSON."""
        found = self._all("SELECT * FROM labels WHERE code >= ? ORDER BY code", first)
        sound = all(
            crc_of(code, value) == crc and code == first + place for place, (code, value, crc) in enumerate(found)
        )
        if not sound or first + len(found) != state.labels:
            raise self.damaged("the list of labels has changed")
        return [value for _, value, _ in found]

    def pending(self, state: State) -> tuple[list[Item], list[bytes]]:
        """Return the items whose vectors are in no segment yet, and these vectors."""
        rows = self._all("SELECT row, vector, crc FROM pending ORDER BY row")
        if len(rows) != state.pending or not all(is_sound_pending(*row) for row in rows):
            raise self.damaged("the rows that are in no segment yet have changed")
        try:
            items = [self.item(row) for row, _, _ in rows]
        except KeyError as error:
            raise self.damaged(f"the record of row {error} is missing") from error
        return items, [vector for _, vector, _ in rows]

    def item(self, row: int) -> Item:
        """Return the item of a row number.

        Raises:
            KeyError: there is none.
            CorruptIndexError: it has changed.
        """
        for item in self.items(row, row):
            return item
        raise KeyError(row)

    def items(self, first: int, last: int) -> Iterator[Item]:
        """Return the items of the rows in a range, in order; see `item` for damage."""
        for values in self._all("SELECT * FROM items WHERE row BETWEEN ? AND ? ORDER BY row", first, last):
            item = Item(*values)
            self._check_item(item)
            if not isinstance(item.data, bytes | None) or item.data_crc != data_crc(item.row, item.data):
                raise self.damaged(f"the data of row {item.row} (id {item.id!r}) have changed")
            yield item

    def metadata(self, first: int, last: int) -> Iterator[tuple[int, str | None]]:
        """Return row numbers and metadata of the rows in a range, in order."""
        columns = "row, id, label, metadata, crc, NULL, 0"
        query = f"SELECT {columns} FROM items WHERE row BETWEEN ? AND ? ORDER BY row"
        for values in self._all(query, first, last):
            item = Item(*values)
            self._check_item(item)
            yield item.row, item.metadata

    def insert_items(self, items: Iterable[Item]) -> None:
        """Add items; only while writing."""
        self._connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", items)
        at_write_point("items inserted")

    def damaged(self, what: str) -> CorruptIndexError:
        """Return the error for damage in the database."""
        return CorruptIndexError(
            f"{self.path} is damaged: {what}.\n"
            "  `Index.repair(path)` removes what is lost and names it; a snapshot brings it back."
        )

    def _check_item(self, item: Item) -> None:
        if item.crc != crc_of(item.row, item.id, item.label, item.metadata):
            raise self.damaged(f"row {item.row} (id {item.id!r}) has changed")

    def _meta(self, key: str) -> str:
        found = self._all("SELECT value, crc FROM meta WHERE key = ?", key)
        if not found or found[0][1] != crc_of(key, found[0][0]):
            raise self.damaged(f"its {key} is missing or has changed")
        return found[0][0]

    def _all(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self._lock, explained(self.path):
            return self._connection.execute(query, arguments).fetchall()
