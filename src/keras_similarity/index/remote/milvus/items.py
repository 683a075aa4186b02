"""Items as rows of Milvus, and back."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_similarity.core.item_ids import Ids
from keras_similarity.index.remote.items import Batch, Page
from keras_similarity.index.remote.keys import field_key, id_key, id_of, value_key
from keras_similarity.index.remote.milvus.conditions import all_of, in_list
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import MOST_TEXT, State

__all__ = ["as_page", "as_rows", "counted", "pages", "row_bytes", "with_ids"]

FIELDS = ["seq", "id", "label", "text", "data", "embedding"]
PAGE_ROWS = 1000  # read at a time, about
PAGE_NUMBERS = 2**21  # of embeddings, about
MOST_IDS = 4000  # asked for at a time
WIDEST = 2**24  # places looked at at a time, where nearly all of them are empty


def as_rows(batch: Batch, first_seq: int) -> list[dict[str, Any]]:
    """Return items as rows.

    Raises:
        ValueError: data or metadata that are too long for Milvus.
    """
    rows = []
    for number, (item_id, raw, text) in enumerate(zip(batch.ids.tolist(), batch.data, batch.metadata, strict=True)):
        data = "" if raw is None else base64.b64encode(raw).decode()
        metadata = "" if text is None else text.decode()
        fields = {} if text is None else {field_key(name): value_key(value) for name, value in json.loads(text).items()}
        _check_length(number, "data", len(data), "Keep a path or a key in its place.")
        _check_length(
            number, "metadata", max(len(text or b""), len(json.dumps(fields))), "Keep less, or shorter texts."
        )
        rows.append(
            {
                "seq": first_seq + number,
                "id": id_key(item_id),
                "label": int(batch.codes[number]),
                "text": metadata,
                "data": data,
                "fields": fields,
                "embedding": batch.vectors[number],
            }
        )
    return rows


def _check_length(row: int, name: str, length: int, hint: str) -> None:
    if length > MOST_TEXT:
        raise ValueError(
            f"`{name}` may take {MOST_TEXT:,} bytes a row as Milvus keeps it: row {row} takes {length:,}.\n  {hint}"
        )


def row_bytes(row: dict[str, Any]) -> int:
    """Return about how many bytes a row takes on its way."""
    return (
        4 * len(row["embedding"]) + len(row["text"]) + len(row["data"]) + 80 * len(row["fields"]) + len(row["id"]) + 64
    )


def as_page(rows: list[dict[str, Any]], state: State, width: int) -> Page:
    """Return those of some rows that count, in the order they were added."""
    rows = counted(rows, state)
    return Page(
        [row["seq"] for row in rows],
        [id_of(row["id"]) for row in rows],
        np.array([row["label"] for row in rows], np.int32),
        [base64.b64decode(row["data"]) if row["data"] else None for row in rows],
        [json.loads(row["text"]) if row["text"] else None for row in rows],
        np.array([row["embedding"] for row in rows], np.float32).reshape(len(rows), width),
    )


def counted(rows: list[dict[str, Any]], state: State) -> list[dict[str, Any]]:
    """Return those of some rows that count, in the order they were added."""
    kept = state.counts(np.array([row["seq"] for row in rows], np.int64))
    return sorted((row for row, keep in zip(rows, kept, strict=True) if keep), key=lambda row: row["seq"])


def with_ids(session: Session, ids: Ids, fields: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows with some ids, those that do not count among them."""
    keys = [id_key(value) for value in ids.tolist()]
    return [
        row
        for start in range(0, len(keys), MOST_IDS)
        for row in session.query(in_list("id", keys[start : start + MOST_IDS]), fields or FIELDS)
    ]


def pages(
    session: Session, state: State, width: int, condition: str = "", *, after: int = -1, few: bool = False
) -> Iterator[Page]:
    """Return every item of a state that satisfies a condition, page by page, from after a place on.

    Milvus returns rows in no order of ours, so places are asked for a stretch at a time: a longer one, where few of the
    places in it hold an item.
    """
    most = max(16, min(PAGE_ROWS, PAGE_NUMBERS // width))
    start, stretch = max(after + 1, state.first_seq), state.next_seq if few else most
    while start < state.next_seq:
        stop = min(start + stretch, state.next_seq)
        rows = session.query(all_of(f"seq >= {start} and seq < {stop}", condition), FIELDS)
        found = as_page(rows, state, width)
        if len(found):
            yield found
        if len(rows) < most // 4:
            stretch = min(2 * stretch, WIDEST)
        elif len(rows) > 2 * most:
            stretch = max(most, stretch // 2)
        start = stop
