"""What can be wrong with the tables of an index when something else than this package has written to them."""

from typing import Any

from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.remote.postgres.schema import Tables, lock

__all__ = ["check"]


def check(connection: Any, tables: Tables, *, repair: bool) -> CheckReport:
    """Compare what the state counts with the rows; with `repair`, let the rows be right.

    Cost: one pass over the table.
    """
    if repair:
        lock(connection, tables)
    names = "items, next_seq, next_id"
    found = connection.execute(
        f"SELECT count(*), greatest(coalesce(max(seq) + 1, 0), (SELECT next_seq FROM {tables.state}))::int8, "
        f"greatest(coalesce(max(id_int)::numeric + 1, 0), (SELECT next_id FROM {tables.state})) FROM {tables.rows}"
    ).fetchone()
    said = connection.execute(f"SELECT {names} FROM {tables.state}").fetchone()
    unlabelled = f"label IS NOT NULL AND label NOT IN (SELECT code FROM {tables.labels})"
    lost = connection.execute(f"SELECT id_int, id_text FROM {tables.rows} WHERE {unlabelled} ORDER BY seq").fetchall()
    lost_records = tuple(text if whole is None else whole for whole, text in lost)
    problems = [
        f"{name} is {was} in the state, and {now} by the rows"
        for name, was, now in zip(names.split(", "), said, found, strict=True)
        if was != now
    ]
    problems += [f"{len(lost)} items have a label that is not in the table of labels"] if lost else []
    if repair and problems:
        connection.execute(f"UPDATE {tables.rows} SET label = NULL WHERE {unlabelled}")
        connection.execute(
            f"UPDATE {tables.state} SET ({names}) = (%s, %s, %s), generation = generation + 1", tuple(found)
        )
    return CheckReport(tuple(problems), (), lost_records, repair and bool(problems))
