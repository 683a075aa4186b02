"""The labels of an index, read as they come: codes are given once and never change."""

import json
import threading
from typing import Any

from keras_similarity.core.label_json import label_from_json, label_to_json
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.index.remote.postgres.schema import Tables

__all__ = ["LabelTable"]


class LabelTable:
    """Labels that are known here, and more of them when they are asked for.

    Args:
        tables: Where they are.
    """

    def __init__(self, tables: Tables) -> None:
        self.known = LabelVocabulary()
        self._tables = tables
        self._lock = threading.Lock()

    def first(self, connection: Any, count: int) -> LabelVocabulary:
        """Return the vocabulary, with at least so many labels."""
        return self.known if len(self.known) >= count else self.newest(connection)

    def newest(self, connection: Any) -> LabelVocabulary:
        """Return the vocabulary with every label that was committed."""
        with self._lock:
            rows = connection.execute(
                f"SELECT label FROM {self._tables.labels} WHERE code >= %s ORDER BY code", (len(self.known),)
            ).fetchall()
            if rows:  # another object: searches in other threads decode with the one they have
                fresh = [label_from_json(json.loads(text)) for (text,) in rows]
                self.known = LabelVocabulary([*self.known.labels, *fresh])
            return self.known

    def encode(self, connection: Any, count: int, labels: list[Any]) -> tuple[Any, int]:
        """Return the codes of labels `(n,)` and how many labels there are, inside a transaction that holds the lock.

        Labels that are new are written, and known here when they are read back: the transaction may be undone.

        Args:
            connection: Of the transaction.
            count: How many labels there were when it began.
            labels: One per row, None for none.
        """
        known = self.first(connection, count)
        wanted = dict.fromkeys(label for label in labels if label is not None)
        if any(code < 0 for code in known.find(list(wanted)).tolist()):
            known = LabelVocabulary(known.labels)
            known.encode(list(wanted))
        codes = known.find(labels)
        fresh = known.labels[count:]
        if fresh:
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {self._tables.labels} (code, label) VALUES (%s, %s)",
                    [(code, json.dumps(label_to_json(label))) for code, label in enumerate(fresh, count)],
                )
        return codes, count + len(fresh)
