"""What can be asked of an index in Qdrant. Nothing here changes it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids, as_ids
from keras_similarity.core.labels import LabelVocabulary, label_list
from keras_similarity.core.where import Where
from keras_similarity.index.readable import IndexArrays
from keras_similarity.index.remote.copies import arrays_of, columns_of, unwritten
from keras_similarity.index.remote.items import Page
from keras_similarity.index.remote.qdrant.items import Labels, as_page, pages, with_ids
from keras_similarity.index.remote.qdrant.keys import label_key
from keras_similarity.index.remote.qdrant.searching import Searcher
from keras_similarity.index.remote.qdrant.session import Session
from keras_similarity.index.remote.qdrant.state import State, items_only, read_state
from keras_similarity.index.remote.reading import RemoteReading
from keras_similarity.index.settings import Settings

__all__ = ["QdrantReading"]


class QdrantReading(RemoteReading):
    """The reading half of `QdrantIndex`. What others are writing is seen as it comes."""

    _session: Session
    _labels: Labels
    _searcher: Searcher

    def _begin(self, session: Session, settings: Settings, state: State) -> None:
        self._session, self._labels = session, Labels()
        self._searcher = Searcher(session, settings, self._labels, state)
        self._seen = state.generation

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items of the index carry each of `labels`, shape `(n,)`."""
        models = self._session.models
        keys = [label_key(label) for label in label_list(labels)]
        counts: dict[Any, int] = {None: 0}
        for key in set(keys) - {None}:
            match = models.FieldCondition(key="label_key", match=models.MatchValue(value=key))
            counts[key] = self._session.call("count", count_filter=items_only(models, match), exact=True).count
        return np.array([counts[key] for key in keys], np.int64)

    def arrays(self) -> IndexArrays:
        """Return ids, labels and embeddings of every item as arrays; see `Index.arrays`.

        Raises:
            IndexLockedError: others wrote all the while.
        """
        state, found = self._everything()
        return columns_of(found, self._space.width, self._labels.known.labels, state.generation)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the whole index as arrays and JSON settings, for a file format to keep; see `arrays`."""
        state, found = self._everything()
        return arrays_of(found, self.settings, self._labels.known.labels, state.next_id)

    def _everything(self) -> tuple[State, list[Page]]:
        """Return every item, with no write that began or ended meanwhile."""
        return unwritten(self._state, lambda _: self._pages(None), self._session.shown)

    def _state(self) -> State:
        return read_state(self._session)

    def _pages(self, tree: Where | None) -> Iterator[Page]:
        return pages(self._session, self._labels, self._space.width, *self._searcher.conditions(tree))

    def _present(self, ids: Ids) -> set[int | str]:
        return {point.payload["id"] for point in with_ids(self._session, ids, whole=False)}

    def _with_ids(self, ids: Ids) -> Page:
        return as_page(with_ids(self._session, ids), self._labels, self._space.width)

    def _at(self, seq: int) -> Page:
        models = self._session.models
        match = models.FieldCondition(key="seq", match=models.MatchValue(value=seq))
        return next(pages(self._session, self._labels, self._space.width, match), self._with_ids(as_ids([])))

    def _vocabulary(self, count: int) -> LabelVocabulary:
        return self._labels.known

    def _bytes(self) -> int:
        """Qdrant tells no client how much room a collection takes: that of the embeddings."""
        return self._state().items * self._space.width * 4
