"""An index whose rows lie in Milvus: what `Index(store="milvus://…")` makes."""

import os
from dataclasses import replace
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
from keras_similarity.index.remote.items import Batch, encoded_data, encoded_metadata, with_kept
from keras_similarity.index.remote.milvus.address import Address
from keras_similarity.index.remote.milvus.checking import check
from keras_similarity.index.remote.milvus.items import as_page, counted, pages, with_ids
from keras_similarity.index.remote.milvus.nearest import check_distance
from keras_similarity.index.remote.milvus.reading import MilvusReading
from keras_similarity.index.remote.milvus.schema import create, open_state
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import State
from keras_similarity.index.remote.milvus.tuning import build_graph
from keras_similarity.index.remote.milvus.writing import Change, Writer
from keras_similarity.index.remote.opening import closed_on_failure, settings_as_asked
from keras_similarity.index.settings import Settings
from keras_similarity.index.stores.disk.folder import check_durability

__all__ = ["MilvusIndex"]

LEAST_WIDE, MOST_WIDE = 2, 32_768  # numbers of a row that Milvus keeps


class MilvusIndex(MilvusReading, Index):
    """An `Index` in Milvus: made by `Index(store="milvus://…?table=NAME")`, opened by `Index.open`.

    A write is there as a whole, or not at all. Any number of processes search and write; writers take turns.
    """

    def _make(self, settings: Settings, store: str | os.PathLike[str], durability: str) -> None:
        _check_settings(settings)
        check_durability(durability)
        address = Address.parse(str(store))
        session = Session(address)
        with closed_on_failure(session):
            self._adopt(session, address, settings, create(session, settings))

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
        """Open an index that lives in Milvus; see `Index.open`.

        Args:
            path: `milvus://user:password@host:19530/database?table=NAME`, and options; see `docs/milvus.md`.
            read_only: Refuse writes.
            durability: Milvus has one: what it has answered is in its log.
            distance, model: See `Index.open`.

        Raises:
            FileNotFoundError: no index is there.
            IndexFormatError: its collection is of a newer version, or no index.
            IndexMismatchError: an index of another distance or model.
            DatabaseUnavailableError, DatabaseError: the server cannot be reached, or refuses.
        """
        check_durability(durability)
        address = Address.parse(str(path))
        session = Session(address, read_only=read_only)
        with closed_on_failure(session):
            state = open_state(session)
            index = cls.__new__(cls)
            index._adopt(session, address, settings_as_asked(state.settings, distance, model), state)
        return index

    def _adopt(self, session: Session, address: Address, settings: Settings, state: State) -> None:
        self._live_at(address.shown, settings)
        self._writer = Writer(session, settings.space.width, address.timeout)
        self._begin(session, settings, state)

    def _insert(self, vectors: NDArray[Any], own_ids: Ids | None, beside: dict[str, Any]) -> Ids:
        count = len(vectors)
        data = encoded_data(beside.get("data"), count)
        metadata = encoded_metadata(beside.get("metadata"), count)
        labels = beside.get("labels", [None] * count)

        def work(state: State) -> tuple[Change, Ids]:
            ids = fresh_ids(state.next_id, count) if own_ids is None else own_ids
            # What the counter has not reached was never an id.
            may_replace = own_ids is not None and (ids.dtype == object or int(ids.min()) < state.next_id)
            gone = self._places(ids, state) if may_replace else []
            codes, fresh = self._labels.codes(state, state.labels, labels)
            return _put(state, Batch(ids, vectors, codes, data, metadata), gone, fresh), ids

        if count == 0:
            return np.empty(0, np.int64) if own_ids is None else own_ids
        return self._changed(work)

    def _change(self, ids: Ids, vectors: NDArray[Any] | None, beside: dict[str, Any], kept: list[str]) -> None:
        count = len(ids)
        data = encoded_data(beside.get("data"), count)
        metadata = encoded_metadata(beside.get("metadata"), count)

        def work(state: State) -> tuple[Change, None]:
            old = as_page(with_ids(self._session, ids), state, self._space.width)
            codes, fresh = self._labels.codes(state, state.labels, beside.get("labels", [None] * count))
            batch = with_kept(old, ids, vectors, codes, data, metadata, kept)
            return _put(state, batch, old.seqs, fresh), None

        if count:
            self._changed(work)

    def _drop(self, ids: Ids) -> int:
        def work(state: State) -> tuple[Change | None, int]:
            gone = self._places(ids, state)
            change = Change({"items": state.items - len(gone)}, gone=gone) if gone else None
            return change, len(gone)

        return self._changed(work) if len(ids) else 0

    def clear(self) -> None:
        """Remove every item; settings and the counter of ids stay."""
        self._changed(lambda state: (Change({"items": 0, "first_seq": state.next_seq, "gone": ()}), None))

    def build(self) -> EngineReport:
        """Have Milvus seal and index what is there, measure its recall, now; return what answers from then on.

        Milvus indexes rows by itself, as they come; this waits for it, and finds how thoroughly to search. Searches and
        writes go on meanwhile.

        Raises:
            ReadOnlyIndexError: the index was opened to be read.
            DatabaseTimeoutError: Milvus was not done within an hour.
        """
        self._session.check_writable()
        report = build_graph(self._session, self.settings, self._searcher.state(newest=True))
        self._changed(lambda state: (Change({"built": report.as_dict()}), None))
        return report

    def compact(self) -> None:
        """Ask Milvus to give back the room of removed items; it does the same in its own time."""
        if not self._session.read_only:
            self._session.call("compact", self._session.table)

    def wait(self) -> None:
        """Return at once: nothing is built behind the searches, but by the server."""

    def check(self, *, repair: bool = False) -> CheckReport:
        """Compare what the index counts with its rows, and say what differs; the bytes are the server's to check.

        Args:
            repair: Let the rows be right.
        """

        def work(state: State) -> tuple[Change | None, CheckReport]:
            report, changes = check(state, list(pages(self._session, state, self._space.width)))
            return (Change(changes), replace(report, repaired=True)) if changes else (None, report)

        return self._changed(work) if repair else check(*self._everything())[0]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _places(self, ids: Ids, state: State) -> list[int]:
        return [row["seq"] for row in counted(with_ids(self._session, ids, ["seq"]), state)]

    def _changed(self, work: Any) -> Any:
        try:
            state, result = self._writer.write(work)
        except BaseException:
            self._searcher.forget()
            raise
        self._searcher.knows(state)
        self._seen = state.generation
        return result


def _put(state: State, batch: Batch, gone: list[int], fresh: list[Any]) -> Change:
    counters = {
        "next_id": max(state.next_id, batch.next_id),
        "items": state.items + len(batch.ids) - len(gone),
        "text_ids": state.text_ids or batch.text_ids,
    }
    return Change(counters, batch, fresh, gone)


def _check_settings(settings: Settings) -> None:
    check_distance(settings.distance)
    hint = "Milvus's own graph is what `build` measures; other engines are for folders and memory."
    check_choice(settings.engine, ["auto", "exact"], name="engine", hint=hint)
    check_choice(settings.storage, ["float32"], name="storage", hint="Milvus keeps float32.")
    if settings.space.width < LEAST_WIDE:
        raise ValueError(
            f"`dim` must be at least {LEAST_WIDE} in Milvus: got {settings.space.width}.\n  Add a column of zeros."
        )
    if settings.space.width > MOST_WIDE:
        raise ValueError(
            f"`dim` may be at most {MOST_WIDE:,} in Milvus: got {settings.space.width}.\n  Pass truncate_dim=2000."
        )
