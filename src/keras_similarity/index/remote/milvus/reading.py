"""What can be asked of an index in Milvus. Nothing here changes it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.where import Where
from keras_similarity.index.readable import IndexArrays
from keras_similarity.index.remote.copies import arrays_of, columns_of, unwritten
from keras_similarity.index.remote.items import Page
from keras_similarity.index.remote.keys import id_of
from keras_similarity.index.remote.milvus.items import FIELDS, as_page, counted, pages, with_ids
from keras_similarity.index.remote.milvus.label_table import MilvusLabels
from keras_similarity.index.remote.milvus.schema import read_state
from keras_similarity.index.remote.milvus.searching import Searcher
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import State
from keras_similarity.index.remote.reading import RemoteReading
from keras_similarity.index.settings import Settings

__all__ = ["MilvusReading"]


class MilvusReading(RemoteReading):
    """The reading half of `MilvusIndex`. It sees what this process has written, and what others have soon after."""

    _session: Session
    _labels: MilvusLabels
    _searcher: Searcher

    def _begin(self, session: Session, settings: Settings, state: State) -> None:
        self._session = session
        self._labels = MilvusLabels(session)
        self._searcher = Searcher(session, settings, self._labels, state)
        self._seen = state.generation

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items of the index carry each of `labels`, shape `(n,)`."""
        state = self._state()
        codes = self._labels.first(state, state.labels).find(labels).tolist()
        counts = {
            code: len(counted(self._session.query(f"label == {code}", ["seq"]), state))
            for code in set(codes)
            if code >= 0
        }
        return np.array([counts.get(code, 0) for code in codes], np.int64)

    def refresh(self) -> bool:
        """See what other processes have written up to now; return whether there was something."""
        self._searcher.forget()
        before, self._seen = self._seen, self._searcher.state(newest=True).generation
        return self._seen != before

    def arrays(self) -> IndexArrays:
        """Return ids, labels and embeddings of every item, as of one moment, as arrays; see `Index.arrays`."""
        state, found = self._everything()
        return columns_of(found, self._space.width, self._labels.first(state, state.labels).labels, state.generation)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the whole index, as of one moment, as arrays and JSON settings, for a file format to keep."""
        state, found = self._everything()
        return arrays_of(found, self.settings, self._labels.first(state, state.labels).labels, state.next_id)

    def _everything(self) -> tuple[State, list[Page]]:
        """Return every item, as of one moment."""
        return unwritten(
            lambda: read_state(self._session, newest=True),
            lambda state: pages(self._session, state, self._space.width),
            self._session.shown,
        )

    def _state(self) -> State:
        return read_state(self._session)

    def _pages(self, tree: Where | None) -> Iterator[Page]:
        condition = self._searcher.condition(tree)
        after, state = -1, self._state()
        while state.next_seq > after + 1:
            yield from pages(self._session, state, self._space.width, condition, after=after)
            after, state = state.next_seq - 1, self._state()

    def _present(self, ids: Ids) -> set[int | str]:
        return {id_of(row["id"]) for row in self._named(ids, ["seq", "id"])[1]}

    def _with_ids(self, ids: Ids) -> Page:
        state, rows = self._named(ids, FIELDS)
        return as_page(rows, state, self._space.width)

    def _named(self, ids: Ids, fields: list[str]) -> tuple[State, list[dict[str, Any]]]:
        """Return the items with these ids; what is replaced while it is read is read again."""
        state = self._state()
        while len(rows := counted(with_ids(self._session, ids, fields), state)) < len(ids):
            before, state = state, self._state()
            if state.generation == before.generation:
                break
        return state, rows

    def _at(self, seq: int) -> Page:
        return as_page(self._session.query(f"seq == {seq}", FIELDS), self._state(), self._space.width)

    def _vocabulary(self, count: int) -> LabelVocabulary:
        if len(self._labels.known) >= count:
            return self._labels.known
        return self._labels.first(self._state(), count)

    def _bytes(self) -> int:
        """Milvus tells no client how much room a collection takes: that of the embeddings."""
        return self._state().items * self._space.width * 4
