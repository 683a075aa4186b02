"""Found neighbours as JSON; metadata once read is remembered until the index changes."""

from typing import Any

import msgspec
import numpy as np

from keras_similarity.core.label_json import label_to_json
from keras_similarity.core.results import SearchResult
from keras_similarity.index import Index
from keras_similarity.serve.schemas import Found

__all__ = ["Answers"]

MOST_KEPT = 100_000  # items whose metadata is remembered


class Answers:
    """Makes answers from results, in the one thread that searches."""

    def __init__(self) -> None:
        self._metadata: dict[int | str, dict[str, Any] | None] = {}
        self._generation = -1
        self._encode = msgspec.json.Encoder().encode

    def of(
        self, result: SearchResult, parts: list[tuple[int, frozenset[str]]], index: Index, generation: int
    ) -> list[bytes]:
        """Return an answer for each request.

        Args:
            result: Of all their queries.
            parts: How many queries each request had, and what it wants included.
            index: Where they were found.
            generation: The index's, before the search.
        """
        if generation != self._generation or len(self._metadata) > MOST_KEPT:
            self._metadata = {}
            self._generation = generation
        ids, distances = result.ids.tolist(), result.distances.tolist()
        labels = result.labels.tolist()
        if result.labels.dtype == object:
            labels = [[label_to_json(label) for label in row] for row in labels]
        missing = None if result.ids.dtype == object else -1
        answers: list[bytes] = []
        row = 0
        for count, include in parts:
            rows: list[list[Found]] = []
            for _ in range(count):
                found = [
                    Found(item_id, label, distance)
                    for item_id, label, distance in zip(ids[row], labels[row], distances[row], strict=True)
                    if item_id != missing
                ]
                if include:
                    self._add(found, include, result, row, index)
                rows.append(found)
                row += 1
            answers.append(self._encode({"results": rows}))
        return answers

    def _add(self, found: list[Found], include: frozenset[str], result: SearchResult, row: int, index: Index) -> None:
        if "vector" in include:
            for column, item in enumerate(found):
                record = result.fetch(row, column)
                item.vector = np.asarray(record.embedding, np.float32).tolist()
        if "metadata" not in include:
            return
        known = self._metadata
        for column, item in enumerate(found):
            if item.id not in known:
                metadata = result.fetch(row, column).metadata
                if index.generation != self._generation:  # it may be newer than the result
                    item.metadata = metadata
                    continue
                known[item.id] = metadata
            item.metadata = known[item.id]
