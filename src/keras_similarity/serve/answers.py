"""Found neighbours as JSON; what is said of an item beside its distance is written once, until the index changes."""

import math
from typing import Any

import msgspec
import numpy as np

from keras_similarity.core.label_json import label_to_json
from keras_similarity.core.results import Record, SearchResult
from keras_similarity.index import Index
from keras_similarity.serve.problems import Problem

__all__ = ["NUMBER_BYTES", "Answers", "too_large_answer"]

NUMBER_BYTES = 16  # of a vector, in JSON, or somewhat more
MOST_CHARACTERS = 50_000_000  # of what is kept
Texts = tuple[str, str]  # before and after an item's distance


class Answers:
    """Makes answers from results, in the one thread that searches.

    Args:
        most_bytes: Of the neighbours in one answer; what has more is a problem.
    """

    def __init__(self, most_bytes: float = math.inf) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[bool, dict[int | str, Texts]] = {False: {}, True: {}}  # by whether metadata is in it
        self._characters = 0
        self._generation = -1

    def of(
        self, result: SearchResult, parts: list[tuple[int, frozenset[str]]], index: Index, generation: int
    ) -> list[bytes | Problem]:
        """Return an answer for each request, or why it has none.

        Args:
            result: Of all their queries.
            parts: How many queries each request had, and what it wants included.
            index: Where they were found.
            generation: The index's, before the search.
        """
        written = index.generation != generation  # the result may be newer than what is kept
        if written or generation != self._generation or self._characters > MOST_CHARACTERS:
            self._kept = {False: {}, True: {}}
            self._characters = 0
            self._generation = generation
        ids, distances = result.ids.tolist(), result.distances.tolist()
        _leave_out_missing(ids, None if result.ids.dtype == object else -1)
        answers: list[bytes | Problem] = []
        end = 0
        for count, include in parts:
            rows: list[str] = []
            left = self._most_bytes
            end += count
            for row in range(end - count, end):
                texts = self._texts(ids[row], include, result, row)
                # Infinity is null there: a distance too far for a number of JSON, or one of the missing left over here.
                numbers = _json(distances[row])[1:-1].split(",")
                found = zip(texts, numbers, strict=False)
                rows.append(",".join([f"{before}{distance}{after}" for (before, after), distance in found]))
                left -= len(rows[-1])
                if left < 0:
                    answers.append(too_large_answer(self._most_bytes))
                    break
            else:
                answers.append(f'{{"results":[[{"],[".join(rows)}]]}}'.encode() if count else b'{"results":[]}')
        return answers

    def _texts(self, ids: list[int | str], include: frozenset[str], result: SearchResult, row: int) -> list[Texts]:
        with_metadata = "metadata" in include
        if "vector" in include:
            records = [result.fetch(row, column) for column in range(len(ids))]
            return [_texts_of(record, with_metadata=with_metadata, with_vector=True) for record in records]
        kept = self._kept[with_metadata]
        try:
            return [kept[item_id] for item_id in ids]
        except KeyError:  # of some that were never found before
            return [
                kept[item_id] if item_id in kept else self._fresh(item_id, with_metadata, result, row, column)
                for column, item_id in enumerate(ids)
            ]

    def _fresh(self, item_id: int | str, with_metadata: bool, result: SearchResult, row: int, column: int) -> Texts:
        if with_metadata:  # perhaps newer than the result; then the generation has changed, and it is soon dropped
            texts = _texts_of(result.fetch(row, column), with_metadata=True)
        else:
            texts = _before(item_id, result.labels[row, column : column + 1].tolist()[0]), "}"
        self._kept[with_metadata][item_id] = texts
        self._characters += len(texts[0]) + len(texts[1])
        return texts


def too_large_answer(most_bytes: float) -> Problem:
    """Return the refusal of an answer that would be too large."""
    what = f"an answer may have {most_bytes:,} bytes of neighbours (--answer-bytes)"
    return Problem(413, f"{what}, and this one has more.\n  Ask for less, or `include` less.")


def _leave_out_missing(ids: list[list[Any]], missing: int | None) -> None:
    for row, found in enumerate(ids):
        if found and found[-1] == missing:  # missing neighbours are the last
            ids[row] = [item_id for item_id in found if item_id != missing]


def _before(item_id: int | str, label: Any) -> str:
    return f'{{"id":{_json(item_id)},"label":{_json(label_to_json(label))},"distance":'


def _texts_of(record: Record, *, with_metadata: bool, with_vector: bool = False) -> Texts:
    after = f',"metadata":{_json(record.metadata)}' if with_metadata else ""
    if with_vector:
        after += f',"vector":{_json(np.asarray(record.embedding, np.float32).tolist())}'
    return _before(record.id, record.label), f"{after}}}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
