"""An index whose rows lie in PostgreSQL, searched by pgvector: what `Index(store="postgresql://…")` makes."""

import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import Ids
from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.index import Index
from keras_similarity.index.items import fresh_ids
from keras_similarity.index.readable import IndexArrays
from keras_similarity.index.remote.items import Batch, encoded_data, encoded_metadata, with_kept
from keras_similarity.index.remote.opening import closed_on_failure, settings_as_asked
from keras_similarity.index.remote.postgres.address import Address
from keras_similarity.index.remote.postgres.checking import check
from keras_similarity.index.remote.postgres.copies import as_arrays, as_columns
from keras_similarity.index.remote.postgres.items import copy_in, delete, every, named
from keras_similarity.index.remote.postgres.nearest import check_distance
from keras_similarity.index.remote.postgres.pgvector import MOST_WIDE
from keras_similarity.index.remote.postgres.reading import PostgresReading
from keras_similarity.index.remote.postgres.schema import State, Tables, create, lock, open_state, read_state
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.remote.postgres.tuning import build_graph
from keras_similarity.index.settings import Settings
from keras_similarity.index.stores.disk.folder import check_durability

__all__ = ["PostgresIndex"]


class PostgresIndex(PostgresReading, Index):
    """An `Index` in PostgreSQL: made by `Index(store="postgresql://…?table=NAME")`, opened by `Index.open`.

    A write is a transaction: all of it is there, or none. Any number of processes search and write; writers take turns.
    """

    def _make(self, settings: Settings, store: str | os.PathLike[str], durability: str) -> None:
        _check_settings(settings)
        check_durability(durability)
        address = Address.parse(str(store))
        session = Session(address, durable=durability == "full")
        with closed_on_failure(session):
            kind = "vector" if settings.storage == "float32" else "halfvec"
            create(session, Tables(address.table), settings.to_json(), f"{kind}({settings.space.width})")
            self._adopt(session, address, settings, session.read(lambda c: read_state(c, Tables(address.table))))

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        durability: str = "full",
        distance: str | Distance | None = None,
        model: str | None = None,
    ) -> Self:
        """Open an index that lives in PostgreSQL; see `Index.open`.

        Args:
            path: `postgresql://user@host:5432/database?table=NAME`, with any option of libpq (sslmode, …).
            read_only: Refuse writes, and make no change to tables of an older version.
            durability: "full" waits at a commit until the server has it on disk; with "fast" a crash of the server may
                take the last writes, whole ones.
            distance, model: See `Index.open`.

        Raises:
            FileNotFoundError: no index is there.
            IndexFormatError: its tables are of a newer version.
            IndexMismatchError: an index of another distance or model.
            DatabaseUnavailableError, DatabaseError: the server cannot be reached, or has no pgvector.
        """
        check_durability(durability)
        address = Address.parse(str(path))
        session = Session(address, read_only=read_only, durable=durability == "full")
        with closed_on_failure(session):
            known, state = open_state(session, Tables(address.table))
            index = cls.__new__(cls)
            index._adopt(session, address, settings_as_asked(known, distance, model), state)
        return index

    def _adopt(self, session: Session, address: Address, settings: Settings, state: State) -> None:
        self._live_at(address.shown, settings)
        self._begin(session, Tables(address.table), settings, state)

    def _insert(self, vectors: NDArray[Any], own_ids: Ids | None, beside: dict[str, Any]) -> Ids:
        count = len(vectors)
        data = encoded_data(beside.get("data"), count)
        metadata = encoded_metadata(beside.get("metadata"), count)
        labels = beside.get("labels", [None] * count)

        def work(connection: Any) -> Ids:
            state = lock(connection, self._tables)
            ids = fresh_ids(state.next_id, count) if own_ids is None else own_ids
            # What the counter has not reached was never an id.
            may_replace = own_ids is not None and (ids.dtype == object or int(ids.min()) < state.next_id)
            gone = delete(connection, self._tables, ids) if may_replace else 0
            codes, known = self._labels.encode(connection, state.labels, labels)
            self._put(connection, state, Batch(ids, vectors, codes, data, metadata), gone, known)
            return ids

        if count == 0:
            return np.empty(0, np.int64) if own_ids is None else own_ids
        return self._changed(work)

    def _put(self, connection: Any, state: State, batch: Batch, gone: int, labels: int) -> None:
        """Copy items in, and count them."""
        copy_in(connection, self._tables, batch, state.next_seq)
        count = len(batch.ids)
        connection.execute(
            f"UPDATE {self._tables.state} SET next_id = %s, next_seq = next_seq + %s, items = items + %s, labels = %s, "
            "text_ids = text_ids OR %s, generation = generation + 1",
            (max(state.next_id, batch.next_id), count, count - gone, labels, batch.text_ids),
        )

    def _change(self, ids: Ids, vectors: NDArray[Any] | None, beside: dict[str, Any], kept: list[str]) -> None:
        dtype, width = self._space.dtype, self._space.width
        count = len(ids)
        data = encoded_data(beside.get("data"), count)
        metadata = encoded_metadata(beside.get("metadata"), count)

        def work(connection: Any) -> None:
            state = lock(connection, self._tables)
            old = every(connection, self._tables, named(ids), dtype, width)
            codes, labels = self._labels.encode(connection, state.labels, beside.get("labels", [None] * count))
            batch = with_kept(old, ids, vectors, codes, data, metadata, kept)
            self._put(connection, state, batch, delete(connection, self._tables, ids), labels)

        if count:
            self._changed(work)

    def _drop(self, ids: Ids) -> int:
        def work(connection: Any) -> int:
            lock(connection, self._tables)
            gone = delete(connection, self._tables, ids)
            connection.execute(
                f"UPDATE {self._tables.state} SET items = items - %s, generation = generation + %s",
                (gone, int(gone > 0)),
            )
            return gone

        return self._changed(work) if len(ids) else 0

    def clear(self) -> None:
        """Remove every item and give back their room; settings and the counter of ids stay."""

        def work(connection: Any) -> None:
            lock(connection, self._tables)
            connection.execute(f"DELETE FROM {self._tables.rows}")
            connection.execute(f"UPDATE {self._tables.state} SET items = 0, generation = generation + 1")

        self._changed(work)
        self.compact()

    def build(self) -> EngineReport:
        """Make the graph that is due and measure its recall, now; return what answers searches from then on.

        Every process that has the index open takes it up within seconds. Searches go on meanwhile; writers wait.

        Raises:
            DatabaseTimeoutError: the server allows less time (statement_timeout); nothing of the graph is left.
            ReadOnlyIndexError, DatabaseError: the database cannot be written to.

        Cost: of the server, some 100 to 200 µs a row while the graph fits `memory=`, or else maintenance_work_mem.
        """
        report = build_graph(self._session, self._tables, self.settings)
        self._searcher.forget()
        return report

    def compact(self) -> None:
        """Give back the room of removed items; PostgreSQL's autovacuum does the same in its own time."""
        if not self._session.read_only:
            self._session.read(lambda connection: connection.execute(f"VACUUM (ANALYZE) {self._tables.rows}"))

    def wait(self) -> None:
        """Return at once: nothing is built behind the searches."""

    def check(self, *, repair: bool = False) -> CheckReport:
        """Compare what the index counts with its rows, and say what differs; the bytes are the server's to check.

        Args:
            repair: Let the rows be right.
        """
        run = self._changed if repair else self._session.snapshot
        return run(lambda connection: check(connection, self._tables, repair=repair))

    def arrays(self) -> IndexArrays:
        """Return ids, labels and embeddings of every item, as of one moment, as arrays; see `Index.arrays`."""
        return self._session.snapshot(
            lambda connection: as_columns(connection, self._tables, self._space, self._labels)
        )

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the whole index, as of one moment, as arrays and JSON settings, for a file format to keep."""
        return self._session.snapshot(
            lambda connection: as_arrays(connection, self._tables, self.settings, self._labels)
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _changed(self, work: Any) -> Any:
        try:
            return self._session.write(work)
        finally:
            self._searcher.forget()


def _check_settings(settings: Settings) -> None:
    check_distance(settings.distance)
    hint = "The database's graph is what `build` makes; other engines are for folders and memory."
    check_choice(settings.engine, ["auto", "exact"], name="engine", hint=hint)
    check_choice(settings.storage, ["float32", "float16"], name="storage", hint="Halves take half the room.")
    if settings.space.width > MOST_WIDE:
        raise ValueError(
            f"`dim` may be at most {MOST_WIDE:,} in PostgreSQL: got {settings.space.width}.\n  Pass truncate_dim=2000."
        )
