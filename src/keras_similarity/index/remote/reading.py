"""What can be asked of an index in a database, by way of a few questions that each database answers its own way."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids, as_ids
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.core.results import Record, SearchResult
from keras_similarity.core.where import Where, parse_where
from keras_similarity.errors import UnknownIdError
from keras_similarity.index.columns import decode
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.ids import missing_id
from keras_similarity.index.items import Space
from keras_similarity.index.remote.items import Page
from keras_similarity.index.remote.results import Asked, as_excluded
from keras_similarity.index.remote.translating import check_text
from keras_similarity.index.rows import as_float32
from keras_similarity.index.searching import check_depth, check_max_distance
from keras_similarity.index.settings import Settings

__all__ = ["RemoteReading"]


class Counters(Protocol):
    """What an index knows of itself."""

    @property
    def items(self) -> int:
        """How many items there are."""
        ...

    @property
    def generation(self) -> int:
        """Grows with every write."""
        ...

    @property
    def built(self) -> dict[str, Any]:
        """The report of what `build` made, {} before."""
        ...


class RemoteReading(ABC):
    """The reading half of an index in a database."""

    _space: Space
    settings: Settings
    _searcher: Any  # of the database: `search`, `forget`
    _seen: int

    @abstractmethod
    def _state(self) -> Counters:
        """Return the counters, asked of the database."""

    @abstractmethod
    def _pages(self, tree: Where | None) -> Iterator[Page]:
        """Return the items that a filter leaves, in the order they were added, a page at a time."""

    @abstractmethod
    def _present(self, ids: Ids) -> set[int | str]:
        """Return those of these ids that items have."""

    @abstractmethod
    def _with_ids(self, ids: Ids) -> Page:
        """Return the items with these ids."""

    @abstractmethod
    def _at(self, seq: int) -> Page:
        """Return the item at a place in the order of additions, or none."""

    @abstractmethod
    def _vocabulary(self, count: int) -> LabelVocabulary:
        """Return the labels, at least so many of them."""

    @abstractmethod
    def _bytes(self) -> int:
        """Return how much room the index takes on the server."""

    def __len__(self) -> int:
        return self._state().items

    def __iter__(self) -> Iterator[int | str]:
        """Return the ids, in the order their items were added, read a page at a time."""
        return (item_id for found in self._pages(None) for item_id in found.ids)

    @property
    def generation(self) -> int:
        """A number that grows with every change, asked of the database; what was read under it stays true."""
        return self._state().generation

    def get(self, ids: Any) -> list[Record]:
        """Return the records of `ids`, in their order; see `Index.get`."""
        checked = as_ids(ids)
        place = {record.id: record for record in self._records(self._with_ids(checked))}
        missing = [item_id for item_id in checked.tolist() if item_id not in place]
        if missing:
            raise missing_id(missing[0])
        return [place[item_id] for item_id in checked.tolist()]

    def records(self, *, where: dict[str, Any] | None = None) -> Iterator[Record]:
        """Return every item, or those that a filter leaves, in the order they were added, read a page at a time.

        Each page is of its own moment: an item that is changed meanwhile comes once more.
        """
        pages = self._pages(None if where is None else _checked(where))
        first = list(itertools.islice(pages, 1))  # a filter that is wrong raises here, not at the first item
        return (record for found in itertools.chain(first, pages) for record in self._records(found))

    def search(
        self,
        queries: Any,
        k: int = 10,
        *,
        where: dict[str, Any] | None = None,
        max_distance: float | None = None,
        exclude: Any = None,
        exact: bool = False,
    ) -> SearchResult:
        """Find the k nearest items of each query; see `Index.search`."""
        k, max_distance = check_depth(k, 0), check_max_distance(max_distance)
        vectors = self._space.queries(queries)
        tree = None if where is None else _checked(where)
        excluded = None if exclude is None else as_excluded(exclude, len(vectors))
        return self._searcher.search(Asked(vectors, k, tree, max_distance, excluded, exact), self._found_at)

    def describe(self) -> dict[str, Any]:
        """Return what the index holds and how it answers, as JSON values; see `Index.describe`.

        "bytes" are those on the server, as far as it tells them.
        """
        state = self._state()
        report = EngineReport(**state.built) if state.built else None
        if report is None:
            report = EngineReport("exact", "nothing was built yet", 1.0, self.settings.recall, 0, 0, state.items, 0)
        return {
            "items": state.items,
            "removed": 0,
            "dim": self.settings.dim,
            "distance": str(self.settings.distance),
            "storage": self.settings.storage,
            "engine": report.as_dict(),
            "unbuilt": 0,
            "bytes": self._bytes(),
        }

    def refresh(self) -> bool:
        """Look again at what searches remember for seconds: the labels, the graph, what filters leave."""
        self._searcher.forget()
        before, self._seen = self._seen, self._state().generation
        return self._seen != before

    def _held(self, ids: Ids) -> NDArray[np.bool_]:
        present = self._present(ids)
        return np.array([item_id in present for item_id in ids.tolist()], bool)

    def _records(self, found: Page) -> list[Record]:
        known = self._vocabulary(int(found.codes.max(initial=NO_LABEL)) + 1)
        rows = zip(found.ids, found.codes.tolist(), as_float32(found.vectors), found.data, found.metadata, strict=True)
        return [
            Record(
                item_id,
                None if code == NO_LABEL else known.labels[code],
                vector,
                None if data is None else decode(data),
                metadata,
            )
            for item_id, code, vector, data, metadata in rows
        ]

    def _found_at(self, seq: int) -> Record:
        """Return the item that a search found, as it was then."""
        found = self._records(self._at(seq))
        if not found:
            raise UnknownIdError("an item that was found has been changed or removed since.\n  Search again.")
        return found[0]


def _checked(where: Any) -> Where:
    check_text(tree := parse_where(where))
    return tree
