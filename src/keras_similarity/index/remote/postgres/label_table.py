"""The labels of an index in PostgreSQL: a row a label."""

import json
from typing import Any

from keras_similarity.core.label_json import label_to_json
from keras_similarity.index.remote.label_table import LabelTable
from keras_similarity.index.remote.postgres.schema import Tables

__all__ = ["PostgresLabels"]


class PostgresLabels(LabelTable):
    """Labels in their table.

    Args:
        tables: Where they are.
    """

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    def _after(self, source: Any, count: int) -> list[str]:
        query = f"SELECT label FROM {self._tables.labels} WHERE code >= %s ORDER BY code"
        return [text for (text,) in source.execute(query, (count,)).fetchall()]

    def encode(self, connection: Any, count: int, labels: list[Any]) -> tuple[Any, int]:
        """Return the codes of labels `(n,)` and how many labels there are, inside a transaction that holds the lock.

        Args:
            connection: Of the transaction.
            count: How many labels there were when it began.
            labels: One per row, None for none.
        """
        codes, fresh = self.codes(connection, count, labels)
        if fresh:
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {self._tables.labels} (code, label) VALUES (%s, %s)",
                    [(code, json.dumps(label_to_json(label))) for code, label in enumerate(fresh, count)],
                )
        return codes, count + len(fresh)
