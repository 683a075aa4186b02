"""A filter as one of Qdrant's, of the fields that `items` gives a point for it.

Qdrant compares numbers as float64, and gives text no order: a range over text asks for the items that have the field,
and compares here.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from keras_similarity.core.label_json import label_from_json
from keras_similarity.core.where import ABSENT, RANGES, Comparison
from keras_similarity.index.remote.keys import field_key, number_parts
from keras_similarity.index.remote.qdrant.keys import EXACT, label_key, mark, point_id
from keras_similarity.index.remote.translating import Translator, members

__all__ = ["QdrantTranslator"]


class QdrantTranslator(Translator[Any]):
    """Turns filters into those of Qdrant.

    Args:
        models: Of the client.
        labels: Returns the keys of every label.
        scan: Returns key, id and metadata of the items for which a condition holds.
    """

    def __init__(
        self,
        models: Any,
        labels: Callable[[], list[str]],
        scan: Callable[[Any], Iterable[tuple[Any, int | str, dict[str, Any]]]],
    ) -> None:
        self._models, self._labels, self._scan = models, labels, scan
        self.everything, self.nothing = models.Filter(), self._of_points([])

    def complement(self, condition: Any) -> Any:
        """Return what holds for all other items."""
        return self._models.Filter(must_not=[condition])

    def joined(self, parts: list[Any], *, all_of: bool) -> Any:
        """Return what holds where all of the parts do, or one of them."""
        return self._models.Filter(must=parts) if all_of else self._models.Filter(should=parts)

    def of_label(self, comparison: Comparison) -> Any:
        """Return a comparison of the label's key."""
        models = self._models
        without = models.IsEmptyCondition(is_empty=models.PayloadField(key="label_key"))
        if comparison.operation == "exists":
            return models.Filter(must_not=[without]) if comparison.operand else models.Filter(must=[without])
        if comparison.operation in RANGES:
            keys = [key for key in self._labels() if comparison.holds(label_from_json(json.loads(key)))]
            return self._among("label_key", keys)
        wanted = members(comparison)
        found = self._among("label_key", [key for label in wanted if (key := label_key(label)) is not None])
        return models.Filter(should=[found, without]) if None in wanted else found

    def of_id(self, comparison: Comparison) -> Any:
        """Return a comparison of the id."""
        operand = comparison.operand
        if comparison.operation == "exists":
            return self.everything if operand else self.nothing
        if comparison.operation in RANGES:
            return self._scanned(comparison) if isinstance(operand, str) else self._beyond("id", comparison)
        found = (point_id(value) for value in members(comparison))
        return self._of_points([key for key in found if key is not None])

    def of_metadata(self, comparison: Comparison) -> Any:
        """Return a comparison of a field."""
        there = self._among("fields", [comparison.field])
        if comparison.operation == "exists":
            return there if comparison.operand else self.complement(there)
        if comparison.operation in RANGES:
            if isinstance(comparison.operand, str):
                return self._scanned(comparison, there)
            return self._beyond(field_key(comparison.field), comparison)
        return self._among("equals", [mark(comparison.field, value) for value in members(comparison)])

    def _beyond(self, name: str, comparison: Comparison) -> Any:
        """Return what holds for numbers on the right side of a bound: by the nearest float64, and what is left."""
        models = self._models
        near, rest = number_parts(comparison.operand)
        if math.isinf(near):
            inside = (near > 0) == (comparison.operation in ("lt", "lte"))
            return self._range(f"numbers.{name}", gte=-sys.float_info.max) if inside else self.nothing
        if abs(near) < EXACT:
            return self._range(f"numbers.{name}", **{comparison.operation: near})
        equal = self._range(f"numbers.{name}", gte=near, lte=near)
        level = models.Filter(must=[equal, self._range(f"rests.{name}", **{comparison.operation: rest})])
        return models.Filter(should=[self._range(f"numbers.{name}", **{comparison.operation[:2]: near}), level])

    def _range(self, path: str, **bounds: float) -> Any:
        return self._models.FieldCondition(key=path, range=self._models.Range(**bounds))

    def _among(self, path: str, texts: list[str]) -> Any:
        if not texts:
            return self.nothing
        return self._models.FieldCondition(key=path, match=self._models.MatchAny(any=texts))

    def _scanned(self, comparison: Comparison, *conditions: Any) -> Any:
        """Return what holds for the items that satisfy a comparison, having looked at each that may."""
        found = self._scan(conditions)
        if comparison.field == "id":
            return self._of_points([key for key, item_id, _ in found if comparison.holds(item_id)])
        field = comparison.field
        return self._of_points([key for key, _, metadata in found if comparison.holds(metadata.get(field, ABSENT))])

    def _of_points(self, keys: list[Any]) -> Any:
        return self._models.HasIdCondition(has_id=keys)
