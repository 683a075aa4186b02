"""Items in and out of the table: one COPY in, pages out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.remote.items import Batch, Page
from keras_similarity.index.remote.postgres.conditions import ALL, Condition
from keras_similarity.index.remote.postgres.schema import Tables
from keras_similarity.index.remote.postgres.wire import (
    COPY_HEAD,
    COPY_TAIL,
    bytes_field,
    copy_rows,
    numbers_field,
    numbers_or_null,
    read_vectors,
    vectors_field,
)

__all__ = ["copy_in", "delete", "every", "named", "page", "pages"]

COPY_ROWS = 8192  # sent at a time
PAGE_ROWS = 1000  # read at a time
JSONB_VERSION = b"\x01"
COLUMNS = "seq, id_int, id_text, label, data, metadata, embedding"


def copy_in(connection: Any, tables: Tables, batch: Batch, first_seq: int) -> None:
    """Send items by COPY, in binary."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {tables.rows} ({COLUMNS}) FROM STDIN (FORMAT binary)") as to:
        to.write(COPY_HEAD)
        for start in range(0, len(batch.ids), COPY_ROWS):
            stop = min(start + COPY_ROWS, len(batch.ids))
            for part in copy_rows(_fields(batch, slice(start, stop), first_seq + start), stop - start):
                to.write(part)
        to.write(COPY_TAIL)


def _fields(batch: Batch, rows: slice, first_seq: int) -> list[Any]:
    ids, codes = batch.ids[rows], batch.codes[rows]
    count = len(ids)
    none: list[None] = [None] * count
    if ids.dtype == object:
        id_int = numbers_or_null([value if isinstance(value, int) else None for value in ids.tolist()], ">i8")
        id_text = bytes_field([value.encode() if isinstance(value, str) else None for value in ids.tolist()])
    else:
        id_int, id_text = numbers_field(ids, ">i8"), bytes_field(none)
    labelled = count == 0 or codes.min() != NO_LABEL
    label = numbers_field(codes, ">i4") if labelled else numbers_or_null(_or_none(codes), ">i4")
    return [
        numbers_field(np.arange(first_seq, first_seq + count), ">i8"),
        id_int,
        id_text,
        label,
        bytes_field(batch.data[rows]),
        bytes_field([None if text is None else JSONB_VERSION + text for text in batch.metadata[rows]]),
        vectors_field(batch.vectors[rows], batch.vectors.dtype),
    ]


def _or_none(codes: NDArray[np.int32]) -> list[int | None]:
    return [None if code == NO_LABEL else code for code in codes.tolist()]


def named(ids: Ids) -> Condition:
    """Return the condition that an item has one of these ids."""
    if ids.dtype != object:
        return Condition("id_int = ANY(%s::int8[])", (ids.tolist(),))
    values = ids.tolist()
    whole, texts = ([value for value in values if isinstance(value, kind)] for kind in (int, str))
    return Condition("(id_int = ANY(%s::int8[]) OR id_text = ANY(%s::text[]))", (whole, texts))


def delete(connection: Any, tables: Tables, ids: Ids) -> int:
    """Remove items; return how many there were."""
    condition = named(ids)
    return connection.execute(f"DELETE FROM {tables.rows} WHERE {condition.sql}", condition.values).rowcount


def page(
    connection: Any, tables: Tables, condition: Condition, dtype: np.dtype[Any], width: int, *, after: int
) -> Page:
    """Return the first items that satisfy a condition, of those that were added after a place in the order."""
    return _read(
        connection.execute(
            f"SELECT {COLUMNS} FROM {tables.rows} WHERE seq > %s AND ({condition.sql}) ORDER BY seq LIMIT {PAGE_ROWS}",
            (after, *condition.values),
            binary=True,
        ).fetchall(),
        dtype,
        width,
    )


def every(connection: Any, tables: Tables, condition: Condition, dtype: np.dtype[Any], width: int) -> Page:
    """Return all items that satisfy a condition."""
    query = f"SELECT {COLUMNS} FROM {tables.rows} WHERE {condition.sql} ORDER BY seq"
    return _read(connection.execute(query, condition.values, binary=True).fetchall(), dtype, width)


def pages(
    connection: Any, tables: Tables, dtype: np.dtype[Any], width: int, condition: Condition = ALL
) -> Iterator[Page]:
    """Return every item that satisfies a condition, page by page."""
    after = -1
    while found := page(connection, tables, condition, dtype, width, after=after):
        yield found
        after = found.seqs[-1]


def _read(rows: list[Any], dtype: np.dtype[Any], width: int) -> Page:
    seqs, ints, texts, labels, data, metadata, vectors = map(list, zip(*rows, strict=True)) if rows else [[]] * 7
    ids = [text if whole is None else whole for whole, text in zip(ints, texts, strict=True)]
    codes = np.array([NO_LABEL if code is None else code for code in labels], np.int32)
    return Page(seqs, ids, codes, data, metadata, read_vectors(vectors, dtype, width))
