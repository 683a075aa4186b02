"""Several requests' queries in one search, each answered for itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.results import SearchResult
from keras_similarity.errors import UnknownIdError
from keras_similarity.index import Index
from keras_similarity.serve.answers import Answers
from keras_similarity.serve.problems import Problem

__all__ = ["Search", "run_searches", "vector_of"]

TRIES = 3  # of a search whose items are changed meanwhile


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What one request asks of an index.

    Args:
        vectors: Queries, each a list of numbers or a row.
        k: Neighbours of each.
        where: A filter, or None.
        max_distance: Up to which neighbours are wanted, or None.
        include: Of "metadata" and "vector", what to return beside id, label and distance.
        exclude: The id that is not its own neighbour, or None.
        answer: Makes the answer of the found neighbours; None for the usual JSON.
    """

    vectors: Sequence[Any]
    k: int
    where: dict[str, Any] | None = None
    max_distance: float | None = None
    include: frozenset[str] = frozenset()
    exclude: int | str | None = None
    answer: Callable[[SearchResult], Any] | None = None

    @property
    def alike(self) -> Any:
        """What searches must have in common to be made in one; None for one that stays alone."""
        if self.where is not None or self.max_distance is not None or self.exclude is not None:
            return None
        return self.k, self.answer is None


def run_searches(index: Index, answers: Answers, works: Sequence[Search | Callable[[], Any]]) -> list[Any]:
    """Return an answer for each work, or the exception it failed with; one that is no search is called."""
    done: list[Any] = [None] * len(works)
    groups: dict[Any, list[int]] = {}
    for number, work in enumerate(works):
        alike = work.alike if isinstance(work, Search) else None
        groups.setdefault(("alone", number) if alike is None else alike, []).append(number)
    for numbers in groups.values():
        _run_group(index, answers, works, numbers, done)
    return done


def _run_group(index: Index, answers: Answers, works: Sequence[Any], numbers: list[int], done: list[Any]) -> None:
    try:
        found = _together(index, answers, [works[number] for number in numbers])
    except Exception as error:  # of one of them: the others must not suffer from it
        if len(numbers) == 1:
            done[numbers[0]] = error
            return
        for number in numbers:
            _run_group(index, answers, works, [number], done)
        return
    for number, answer in zip(numbers, found, strict=True):
        done[number] = answer


def _together(index: Index, answers: Answers, works: list[Any], tries: int = TRIES) -> list[Any]:
    if not isinstance(works[0], Search):
        return [works[0]()]
    try:
        return _searched(index, answers, works)
    except UnknownIdError as error:  # what was found in a database was changed before it was read
        if tries == 1:
            raise Problem(503, str(error), headers={b"retry-after": b"1"}) from error
        return _together(index, answers, works, tries - 1)


def _searched(index: Index, answers: Answers, works: list[Search]) -> list[Any]:
    first = works[0]
    generation = index.generation
    queries = _rows([vector for work in works for vector in work.vectors], index.dim)
    exclude = None if first.exclude is None else [first.exclude] * len(queries)
    try:
        result = index.search(queries, first.k, where=first.where, max_distance=first.max_distance, exclude=exclude)
    except (ValueError, TypeError) as error:
        if str(error).startswith("`where`"):
            raise Problem(400, str(error)) from error
        raise
    if first.answer is None:
        return answers.of(result, [(len(work.vectors), work.include) for work in works], index, generation)
    ends = np.cumsum([len(work.vectors) for work in works]).tolist()
    return [
        work.answer(_rows_of(result, end - len(work.vectors), end))
        for work, end in zip(works, ends, strict=True)
        if work.answer is not None  # which all of them have, being alike
    ]


def _rows_of(result: SearchResult, start: int, stop: int) -> SearchResult:
    """Return what some of the queries found."""
    rows = slice(start, stop)
    return SearchResult(
        result.ids[rows],
        result.distances[rows],
        result.labels[rows],
        lambda row, column: result.fetch(start + row, column),
    )


def _rows(vectors: list[Any], dim: int) -> NDArray[np.float32]:
    """Return vectors as rows; a number beyond float32 becomes infinite, and is refused as such."""
    with np.errstate(over="ignore"):
        return np.array(vectors, np.float32).reshape(len(vectors), dim)


def vector_of(index: Index, item_id: int | str) -> NDArray[np.float32]:
    """Return the embedding of an item, or raise an UnknownIdError."""
    if item_id not in index:
        raise UnknownIdError(f"the index holds no item with id {item_id!r:.80}.\n  Ask for one that it holds.")
    return index.get([item_id])[0].embedding
