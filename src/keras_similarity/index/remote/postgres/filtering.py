"""What a filter leaves: few rows, all of which are looked at, or so many that the graph meets them on its way.

The graph found 0.90 of the neighbours where a filter kept 1% of 100,000 rows, in 8 ms; looking at those rows finds all
of them in 0.8. PostgreSQL's own planner takes the graph there, so it is decided here: how many rows a filter leaves is
counted, up to where it does not matter any more, and remembered for a while.
"""

import time
from typing import Any

from keras_similarity.core.where import Where
from keras_similarity.index.remote.postgres.conditions import Condition
from keras_similarity.index.remote.postgres.schema import Tables
from keras_similarity.index.remote.translating import metadata_fields, unknown_field

__all__ = ["KEPT_SECONDS", "Shares"]

FEW_ALLOWED = 10_000  # rows that are looked at in a few milliseconds
FEW_SHARE = 20  # and one of so many, where even the most thorough search of the graph finds too few
KEPT_SECONDS = 10.0
KEPT = 256  # filters
SAMPLE = 5000  # rows that a share is estimated from


class Shares:
    """Counts what filters leave, and remembers it.

    Args:
        tables: The index's.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._known: dict[str, tuple[float, float]] = {}
        self._fields: set[str] = set()

    def forget(self) -> None:
        """Count again: the rows have changed."""
        self._known, self._fields = {}, set()

    def share(self, connection: Any, key: str, condition: Condition, items: int) -> float:
        """Return the share of rows that a filter leaves, 0.0 where these are few.

        Args:
            connection: Where to ask.
            key: What tells the filter from others.
            condition: The filter.
            items: How many rows there are.
        """
        known = self._known.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        most, rows = max(FEW_ALLOWED, items // FEW_SHARE), self._tables.rows
        # A limit of one more than what is few: a filter that leaves half of the rows costs no pass over all of them.
        count = connection.execute(
            f"SELECT count(*) FROM (SELECT FROM {rows} WHERE {condition.sql} LIMIT {int(most) + 1}) AS few",
            condition.values,
        ).fetchone()[0]
        share = 0.0 if count <= most else max(count / items, self._sampled(connection, condition, items))
        self._known = {**dict(list(self._known.items())[1 - KEPT :]), key: (time.monotonic() + KEPT_SECONDS, share)}
        return share

    def _sampled(self, connection: Any, condition: Condition, items: int) -> float:
        """Return about what share of the rows satisfies a condition that many do."""
        part = min(100.0, 100 * SAMPLE / items)
        held, rows = connection.execute(
            f"SELECT count(*) FILTER (WHERE {condition.sql}), count(*) "
            f"FROM {self._tables.rows} TABLESAMPLE SYSTEM (%s)",
            (*condition.values, part),
        ).fetchone()
        return held / rows if rows else 0.0

    def check_fields(self, connection: Any, tree: Where) -> None:
        """Raise a ValueError for a field of the metadata that no item has, where there are items."""
        rows = self._tables.rows
        for field in metadata_fields(tree):
            if field in self._fields:
                continue
            there, empty = connection.execute(
                f"SELECT EXISTS (SELECT FROM {rows} WHERE metadata ? %s), NOT EXISTS (SELECT FROM {rows})", (field,)
            ).fetchone()
            if not there and not empty:
                names = connection.execute(
                    f"SELECT DISTINCT jsonb_object_keys(metadata) FROM {rows} WHERE metadata IS NOT NULL ORDER BY 1"
                ).fetchall()
                raise unknown_field(field, [name for (name,) in names])
            if there:
                self._fields.add(field)
