"""The labels of an index, read as they come: codes are given once and never change."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any

from keras_similarity.core.label_json import label_from_json
from keras_similarity.core.labels import LabelVocabulary

__all__ = ["LabelTable"]


class LabelTable(ABC):
    """Labels that are known here, and more of them when they are asked for."""

    def __init__(self) -> None:
        self.known = LabelVocabulary()
        self._lock = threading.Lock()

    @abstractmethod
    def _after(self, source: Any, count: int) -> list[str]:
        """Return the labels that were committed, as JSON, in the order of their codes, from a code on.

        Args:
            source: Whom to ask.
            count: The first code.
        """

    def first(self, source: Any, count: int) -> LabelVocabulary:
        """Return the vocabulary, with at least so many labels."""
        return self.known if len(self.known) >= count else self.newest(source)

    def newest(self, source: Any) -> LabelVocabulary:
        """Return the vocabulary with every label that was committed."""
        with self._lock:
            texts = self._after(source, len(self.known))
            if texts:  # another object: searches in other threads decode with the one they have
                fresh = [label_from_json(json.loads(text)) for text in texts]
                self.known = LabelVocabulary([*self.known.labels, *fresh])
            return self.known

    def codes(self, source: Any, count: int, labels: list[Any]) -> tuple[Any, list[Hashable]]:
        """Return the codes of labels `(n,)`, and the labels among them that are new, in the order of their codes.

        These are known here when they are read back: the write may be undone.

        Args:
            source: Whom to ask.
            count: How many labels were given when the write began.
            labels: One per row, None for none.
        """
        known = self.first(source, count)
        wanted = dict.fromkeys(label for label in labels if label is not None)
        if any(code < 0 for code in known.find(list(wanted)).tolist()):
            known = LabelVocabulary(known.labels)
            known.encode(list(wanted))
        return known.find(labels), known.labels[count:]
