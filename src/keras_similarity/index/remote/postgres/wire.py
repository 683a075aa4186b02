"""Values as PostgreSQL sends and receives them in binary: rows for COPY made by NumPy, vectors read many at a time.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". pgvector sends a vector as its width and an
unused number, 16 bits each, and big-endian numbers of 32 bits, of 16 for halves.
"""

import functools
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COPY_HEAD",
    "COPY_TAIL",
    "QueryVectors",
    "copy_rows",
    "read_vectors",
    "read_wholes",
    "register",
    "vector_bytes",
    "vectors_field",
]

COPY_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TAIL = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
HEAD_BYTES = 4  # of a vector

Bytes = NDArray[np.uint8]  # (n, w): a field of equal width in every row
Field = Bytes | Sequence[bytes]


class QueryVectors:
    """Queries `(q, d)` to be sent as an array of vectors, or one as a vector."""

    __slots__ = ("rows", "single")

    def __init__(self, rows: NDArray[np.float32], *, single: bool) -> None:
        self.rows = rows
        self.single = single


def register(connection: Any, type_ids: dict[str, tuple[int, int]]) -> None:
    """Teach a connection to send `QueryVectors` and to return vectors as bytes.

    Args:
        connection: Of psycopg.
        type_ids: "vector" and "halfvec" -> the type's number in this database, and that of its arrays.
    """
    from psycopg.types.string import ByteaBinaryLoader  # psycopg has it in C

    single, many = _adapters(type_ids["vector"])
    for number, _ in type_ids.values():
        connection.adapters.register_loader(number, ByteaBinaryLoader)
    connection.adapters.register_dumper(QueryVectors, _by_shape(single, many))


@functools.cache
def _adapters(type_ids: tuple[int, int]) -> tuple[Any, Any]:
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class OneVector(Dumper):
        format = Format.BINARY
        oid = type_ids[0]

        def dump(self, obj: QueryVectors) -> bytes:
            return vector_bytes(obj.rows)

    class ManyVectors(Dumper):
        format = Format.BINARY
        oid = type_ids[1]

        def dump(self, obj: QueryVectors) -> bytes:
            head = np.array([1, 0, type_ids[0], len(obj.rows), 1], ">i4").tobytes()
            return head + vectors_field(obj.rows, np.dtype(np.float32)).tobytes()

    return OneVector, ManyVectors


@functools.cache
def _by_shape(single: Any, many: Any) -> Any:
    class ByShape(single):
        def get_key(self, obj: QueryVectors, format: Any) -> Any:
            return self.cls if obj.single else (self.cls, "many")

        def upgrade(self, obj: QueryVectors, format: Any) -> Any:
            return self if obj.single else many(self.cls)

    return ByShape


def vector_bytes(row: NDArray[np.float32]) -> bytes:
    """Return one row `(1, d)` as pgvector sends and reads it."""
    return row.shape[1].to_bytes(2, "big") + b"\0\0" + row.astype(">f4").tobytes()


def read_wholes(values: Sequence[Any], kind: str, none: Any = None) -> list[Any]:
    """Return whole numbers as a connection returned them in binary.

    Args:
        values: Bytes, None for NULL.
        kind: What they are to `struct`: "q" for int8, "i" for int4.
        none: What NULL becomes.
    """
    if None in values:
        return [none if value is None else int.from_bytes(value, "big", signed=True) for value in values]
    return list(struct.unpack(f">{len(values)}{kind}", b"".join(values)))


def _vectors(rows: NDArray[Any], kind: str) -> Bytes:
    """Return each row as pgvector sends it, `(n, w)`."""
    width = rows.shape[1]
    numbers = np.ascontiguousarray(rows, kind).view(np.uint8).reshape(len(rows), -1)
    head = np.broadcast_to(np.array([width, 0], ">u2").view(np.uint8), (len(rows), HEAD_BYTES))
    return np.concatenate([head, numbers], axis=1)


def vectors_field(rows: NDArray[Any], dtype: np.dtype[Any]) -> Bytes:
    """Return each row as a field: its length and a vector, of halves where it is kept so."""
    return _with_length(_vectors(rows, ">f2" if dtype == np.float16 else ">f4"))


def read_vectors(
    values: Sequence[bytes], dtype: np.dtype[Any], width: int, to: np.dtype[Any] | None = None
) -> NDArray[Any]:
    """Return vectors as a connection returned them as rows `(n, d)`.

    Args:
        values: As they were returned.
        dtype: What they are kept as.
        width: Of the rows.
        to: What they are wanted as; as they are kept, without.
    """
    kind = np.dtype(">f2" if dtype == np.float16 else ">f4")
    head = HEAD_BYTES // kind.itemsize
    return np.frombuffer(b"".join(values), kind).reshape(len(values), head + width)[:, head:].astype(to or dtype)


def numbers_field(values: NDArray[np.integer], kind: str) -> Bytes:
    """Return whole numbers as fields of a fixed width, ">i8" or ">i4"."""
    return _with_length(np.ascontiguousarray(values, kind).view(np.uint8).reshape(len(values), -1))


def bytes_field(values: Sequence[bytes | None]) -> Field:
    """Return fields of any length, None for NULL."""
    if all(value is None for value in values):
        return np.broadcast_to(np.frombuffer(NULL, np.uint8), (len(values), 4))
    return [NULL if value is None else len(value).to_bytes(4, "big") + value for value in values]


def numbers_or_null(values: Sequence[int | None], kind: str) -> Field:
    """Return whole numbers as fields, None for NULL."""
    size = np.dtype(kind).itemsize
    return bytes_field([None if value is None else value.to_bytes(size, "big", signed=True) for value in values])


def copy_rows(fields: Sequence[Field], count: int) -> Iterator[bytes]:
    """Return rows of fields as COPY reads them: at once where every field has one width, else row by row."""
    head = np.broadcast_to(np.array([len(fields)], ">i2").view(np.uint8), (count, 2))
    if all(isinstance(field, np.ndarray) for field in fields):
        yield np.concatenate([head, *fields], axis=1).tobytes()
        return
    columns = [
        [row.tobytes() for row in field] if isinstance(field, np.ndarray) else field for field in (head, *fields)
    ]
    yield b"".join(b"".join(row) for row in zip(*columns, strict=True))


def _with_length(values: Bytes) -> Bytes:
    length = np.broadcast_to(np.array([values.shape[1]], ">i4").view(np.uint8), (len(values), 4))
    return np.concatenate([length, values], axis=1)
