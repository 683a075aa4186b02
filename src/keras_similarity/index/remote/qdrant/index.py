"""An index whose items lie in Qdrant: what `Index(store="qdrant://…")` makes."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import Ids
from keras_similarity.errors import DatabaseError
from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.index import Index
from keras_similarity.index.items import fresh_ids
from keras_similarity.index.remote.items import Batch, encoded_data, encoded_metadata, with_kept
from keras_similarity.index.remote.opening import closed_on_failure, settings_as_asked
from keras_similarity.index.remote.qdrant.address import Address
from keras_similarity.index.remote.qdrant.items import as_points, check_sizes, put, with_ids
from keras_similarity.index.remote.qdrant.reading import QdrantReading
from keras_similarity.index.remote.qdrant.session import Session
from keras_similarity.index.remote.qdrant.state import (
    METRICS,
    MOST_INDEXED,
    State,
    change,
    create,
    index_fields,
    items_only,
    open_state,
)
from keras_similarity.index.remote.qdrant.tuning import build_graph
from keras_similarity.index.settings import Settings
from keras_similarity.index.stores.disk.folder import check_durability

__all__ = ["QdrantIndex"]

MOST_WIDE = 65_536  # numbers of a row that Qdrant keeps
MOST_KEYS = 10_000  # of one call
T = TypeVar("T")
Encoded = list[bytes | None]


class QdrantIndex(QdrantReading, Index):
    """An `Index` in Qdrant: made by `Index(store="qdrant://…?table=NAME")`, opened by `Index.open`.

    An item is written whole; a write of many items is not: others see a part of it while it is under way, and where it
    fails, a part of it stays. Any number of processes search and write; ids are never given twice. Tested against the
    client's local mode and the server's storage engine, not yet against a server.
    """

    def _make(self, settings: Settings, store: str | os.PathLike[str], durability: str) -> None:
        _check_settings(settings)
        check_durability(durability)
        address = Address.parse(str(store))
        session = Session(address, make=True)
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
        """Open an index that lives in Qdrant; see `Index.open`.

        Args:
            path: `qdrant://host:6333?table=NAME`, and options; see `docs/qdrant.md`.
            read_only: Refuse writes.
            durability: Qdrant has one: what it has answered is in its log.
            distance, model: See `Index.open`.

        Raises:
            FileNotFoundError: no index is there.
            IndexFormatError: its collection is of a newer version, or no index.
            IndexMismatchError: an index of another distance or model.
            DatabaseUnavailableError, DatabaseError: the server cannot be reached, or refuses.
            IndexLockedError: another process has the folder open.
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
        self._indexed: set[str] = set()  # fields whose numbers have one, as far as this process knows
        self._begin(session, settings, state)

    def _insert(self, vectors: NDArray[Any], own_ids: Ids | None, beside: dict[str, Any]) -> Ids:
        count = len(vectors)
        encoded = self._encoded(beside, count)
        if count == 0:
            return np.empty(0, np.int64) if own_ids is None else own_ids

        def work(state: State) -> tuple[State, Batch]:
            batch = Batch(fresh_ids(state.next_id, count) if own_ids is None else own_ids, vectors, *encoded)
            return _with_room(state, batch), batch

        return self._written(work, self._put).ids

    def _change(self, ids: Ids, vectors: NDArray[Any] | None, beside: dict[str, Any], kept: list[str]) -> None:
        encoded = self._encoded(beside, len(ids))
        self._session.check_writable()
        if len(ids):
            batch = with_kept(self._with_ids(ids), ids, vectors, *encoded, kept)
            self._written(lambda state: (_with_room(state, batch), batch), self._put)

    def _encoded(self, beside: dict[str, Any], count: int) -> tuple[NDArray[np.int32], Encoded, Encoded]:
        """Return labels, data and metadata as a batch has them."""
        data, metadata = encoded_data(beside.get("data"), count), encoded_metadata(beside.get("metadata"), count)
        check_sizes(data, metadata)
        return self._labels.codes(beside.get("labels", [None] * count)), data, metadata

    def _put(self, before: State, batch: Batch) -> None:
        points = as_points(self._session, self.settings, batch, self._labels.known, before.next_seq)
        fresh = {name for point in points for name in point.payload["numbers"]} - self._indexed
        fresh = sorted(fresh)[: max(0, MOST_INDEXED - len(self._indexed))]
        index_fields(self._session, {f"numbers.{name}": "float" for name in fresh})
        self._indexed.update(fresh)
        put(self._session, points)

    def _drop(self, ids: Ids) -> int:
        self._session.check_writable()
        keys = [point.id for point in with_ids(self._session, ids, whole=False)]
        if keys:
            blocks = [keys[start : start + MOST_KEYS] for start in range(0, len(keys), MOST_KEYS)]
            self._written(lambda state: (state, blocks), lambda _, blocks: [self._delete(block) for block in blocks])
        return len(keys)

    def clear(self) -> None:
        """Remove every item; settings and the counter of ids stay."""
        every = self._session.models.FilterSelector(filter=items_only(self._session.models))
        self._written(lambda state: (state, every), lambda _, every: self._delete(every))

    def _delete(self, selector: Any) -> None:
        self._session.call("delete", points_selector=selector, wait=True)

    def build(self) -> EngineReport:
        """Wait until Qdrant has indexed what is there, measure its recall, now; return what answers from then on.

        Raises:
            ReadOnlyIndexError: the index was opened to be read.
            DatabaseTimeoutError: Qdrant was not done within an hour.
        """
        self._written(lambda state: (state, None))  # a write wakes the optimiser of a server that was started anew
        report = build_graph(self._session, self.settings, self._searcher)
        self._written(lambda state: (replace(state, built=report.as_dict()), None))
        return report

    def compact(self) -> None:
        """Return at once: Qdrant gives back the room of removed items in its own time."""

    def wait(self) -> None:
        """Return at once: nothing is built behind the searches, but by the server."""

    def check(self, *, repair: bool = False) -> CheckReport:
        """Compare the counters with the items, and say what differs; the bytes are the server's to check.

        Args:
            repair: Let the items be right.
        """
        state, found = self._everything()
        whole = [item_id for page in found for item_id in page.ids if isinstance(item_id, int)]
        right = {
            "next_id": max([state.next_id, *(item_id + 1 for item_id in whole)]),
            "next_seq": max([state.next_seq, *(page.seqs[-1] + 1 for page in found)]),
        }
        problems = tuple(
            f"{name} is {getattr(state, name)} in the state, and {now} by the items"
            for name, now in right.items()
            if now != getattr(state, name)
        )
        if repair and problems:
            self._written(lambda state: (replace(state, **right), None))
        return CheckReport(problems, repaired=repair and bool(problems))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _written(
        self, work: Callable[[State], tuple[State, T]], write: Callable[[State, T], Any] = lambda before, what: None
    ) -> T:
        """Change the state, then the items; what was read meanwhile is of another generation than what is there then.

        Args:
            work: From the state as it is, the next one, and what to write.
            write: Writes it, from the state as it was.
        """
        try:
            before, what = change(self._session, work)
            try:
                write(before, what)
            except BaseException:
                with contextlib.suppress(DatabaseError):
                    change(self._session, lambda state: (state, None))
                raise
            change(self._session, lambda state: (state, None))
        finally:
            self._searcher.forget()
        self._seen = before.generation + 2
        return what


def _with_room(state: State, batch: Batch) -> State:
    """Return the state that has given the items their ids and places."""
    next_id, text_ids = max(state.next_id, batch.next_id), state.text_ids or batch.text_ids
    return replace(state, next_id=next_id, next_seq=state.next_seq + len(batch.ids), text_ids=text_ids)


def _check_settings(settings: Settings) -> None:
    check_choice(
        settings.distance.name, METRICS, name="distance", hint="An index in a folder or in memory has every distance."
    )
    hint = "Qdrant's own graph is what `build` measures; other engines are for folders and memory."
    check_choice(settings.engine, ["auto", "exact"], name="engine", hint=hint)
    check_choice(settings.storage, ["float32"], name="storage", hint="Qdrant keeps float32.")
    if settings.space.width > MOST_WIDE:
        raise ValueError(
            f"`dim` may be at most {MOST_WIDE:,} in Qdrant: got {settings.space.width}.\n  Pass truncate_dim=2000."
        )
