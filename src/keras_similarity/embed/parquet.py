"""Vectors, ids, labels and metadata as a Parquet file: a row an item, for pandas, DuckDB, Spark and other indexes."""

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.results import Record
from keras_similarity.core.whole_file import whole_file
from keras_similarity.embed.parquet_columns import (
    AS_JSON,
    Encodings,
    column_of,
    encodings_of,
    encodings_said,
    from_json,
    type_of,
    values_of,
)
from keras_similarity.errors import EmbeddingsFormatError

__all__ = ["VectorBatch", "read_parquet", "vectors_of", "whole_parquet", "write_batches", "write_parquet"]

ROWS = 8192  # of a group: what is in memory at a time
NOTE = b"keras_similarity"  # of the file's metadata: how ids and labels are written
PANDAS = "__index_level_"  # how the columns begin in which pandas keeps its row numbers


@dataclass(frozen=True, slots=True, eq=False)
class VectorBatch:
    """Some rows of a file.

    Args:
        vectors: `(n, d)` float32.
        ids: One a row, or None where the file has no column "id".
        labels: One a row, or None where the file has no column "label".
        metadata: One JSON object a row, of every other column, or None where there are none.
    """

    vectors: NDArray[np.float32]
    ids: list[Any] | None
    labels: list[Any] | None
    metadata: list[dict[str, Any] | None] | None


def write_parquet(records: Iterable[Record], path: Path, dim: int) -> int:
    """Write items, such as `index.records()`, to a file, whole or not at all; return how many.

    Columns: "id" and "label", whole numbers or text where all of the file are, else JSON; "vector", a list of `dim`
    float32; "metadata", JSON. `read_parquet` reads all back, also after pandas or DuckDB kept some of the rows.

    Raises:
        MissingExtraError: pyarrow is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keras_similarity import Index
        >>> index = Index(2, "euclidean")
        >>> ids = index.add([[0, 0], [3, 4]], ["near", "far"])
        >>> with TemporaryDirectory() as folder:
        ...     write_parquet(index.records(), Path(folder, "items.parquet"), index.dim)
        2
    """
    return write_batches(_batches(records), path, dim)


def write_batches(batches: Iterable[VectorBatch], path: Path, dim: int) -> int:
    """Write rows as `write_parquet` writes items; return how many."""
    waiting = iter(batches)
    first = next(waiting, None)
    if first is None:
        first = VectorBatch(np.empty((0, dim), np.float32), None, None, None)
    with whole_file(path) as written:
        again = written != path  # what is no file, such as a pipe, cannot be written anew
        encodings = encodings_of(first.ids, first.labels) if again else AS_JSON
        count, odd = _written(written, chain([first], waiting), dim, encodings)
        if odd is None:
            return count
        plain = written.replace(written.with_name(f"{written.name}.plain"))
        try:
            return _written(written, chain(read_parquet(plain), [odd], waiting), dim, AS_JSON)[0]
        finally:
            plain.unlink()


def _written(
    path: Path, batches: Iterable[VectorBatch], dim: int, encodings: Encodings
) -> tuple[int, VectorBatch | None]:
    """Write rows; return how many, and the first of them that have no such ids or labels, with which it ends."""
    arrow = import_extra("pyarrow", extra="data", purpose="Parquet files")
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    schema = arrow.schema(
        [
            ("id", type_of(arrow, encodings.ids)),
            ("label", type_of(arrow, encodings.labels)),
            ("vector", arrow.list_(arrow.float32(), dim)),
            ("metadata", arrow.string()),
        ],
        metadata={NOTE: encodings.note()},
    )
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in batches:
            if not encodings.hold(batch.ids, batch.labels):
                return count, batch
            writer.write_table(_table(arrow, schema, batch, dim, encodings))
            count += len(batch.vectors)
    return count, None


def read_parquet(path: Path, *, vector: str = "vector", id: str = "id", label: str = "label") -> Iterator[VectorBatch]:
    """Read a file of vectors part by part, ours or another's.

    A column "metadata" of JSON objects is taken for their keys, and row numbers of pandas's are left out.

    Args:
        path: The file.
        vector, id, label: Names of the columns; "vector" must be there, and holds lists of numbers.

    Raises:
        ValueError: no column of vectors, one of something else, or rows of several lengths.
        EmbeddingsFormatError: a file that is cut, damaged or no Parquet.
        MissingExtraError: pyarrow is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import pyarrow.parquet
        >>> table = pyarrow.table({"name": ["x", "y"], "row": [[0.0, 1.0], [1.0, 0.0]], "year": [1999, 2020]})
        >>> with TemporaryDirectory() as folder:
        ...     pyarrow.parquet.write_table(table, f"{folder}/points.parquet")
        ...     (batch,) = read_parquet(Path(folder, "points.parquet"), vector="row", id="name")
        >>> batch.ids, batch.vectors.tolist(), batch.metadata
        (['x', 'y'], [[0.0, 1.0], [1.0, 0.0]], [{'year': 1999}, {'year': 2020}])
    """
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    with whole_parquet(path), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if vector not in names:
            raise ValueError(
                f"{path.name} needs a column {vector!r} of vectors: it has {', '.join(names)}.\n"
                f"  Rename the column that holds them to {vector!r}."
            )
        encodings = encodings_said((file.schema_arrow.metadata or {}).get(NOTE))
        for batch in file.iter_batches(ROWS):
            yield _batch(batch, encodings, vector, id, label)


@contextmanager
def whole_parquet(path: Path) -> Generator[None]:
    """Raise an EmbeddingsFormatError where what is read in it turns out to be no whole Parquet file, or folder of them.

    Args:
        path: What the message names.
    """
    arrow = import_extra("pyarrow", extra="data", purpose="Parquet files")
    try:
        yield
    except MemoryError:  # of pyarrow's exceptions too, and no damage
        raise
    except (arrow.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
            raise  # the system's; pyarrow's own for damaged pages have no number
        said = " ".join(str(error).split()).rstrip(".")
        raise EmbeddingsFormatError(f"{path.name} is no whole Parquet file: {said:.200}.\n  Write it again.") from error


def vectors_of(column: Any, name: str) -> NDArray[np.float32]:
    """Return a column of lists as an array `(n, d)`.

    Raises:
        ValueError: a column of something else, or lists of several lengths, or none.
    """
    _check_vectors(column.type, name)
    lengths = set(column.value_lengths().to_pylist()) if len(column) else {0}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(f"the column {name!r} needs vectors of one length.\n  Leave out the rows of another.")
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(len(column), lengths.pop())


def _check_vectors(kind: Any, name: str) -> None:
    """Raise a ValueError unless a column's type is lists of numbers."""
    types = import_extra("pyarrow", extra="data", purpose="Parquet files").types
    numbers = (types.is_floating, types.is_integer, types.is_decimal, types.is_boolean)
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    if not any(holds(kind) for holds in lists) or not any(holds(kind.value_type) for holds in numbers):
        raise ValueError(
            f"the column {name!r} needs a list of numbers in each row: its type is {kind}.\n"
            "  Write each vector as a list of floats."
        )


def _batches(records: Iterable[Record]) -> Iterator[VectorBatch]:
    rows = iter(records)
    while part := list(islice(rows, ROWS)):
        yield VectorBatch(
            np.stack([record.embedding for record in part]),
            [record.id for record in part],
            [record.label for record in part],
            [record.metadata for record in part],
        )


def _table(arrow: Any, schema: Any, batch: VectorBatch, dim: int, encodings: Encodings) -> Any:
    count = len(batch.vectors)
    flat = np.ascontiguousarray(batch.vectors, np.float32).reshape(-1)
    columns = [
        column_of(arrow, batch.ids or [None] * count, encodings.ids),
        column_of(arrow, batch.labels or [None] * count, encodings.labels),
        arrow.FixedSizeListArray.from_arrays(arrow.array(flat), dim),
        # Dates and the like, from the columns of other people's files, become text.
        arrow.array(
            [None if row is None else json.dumps(row, default=str) for row in batch.metadata or [None] * count],
            arrow.string(),
        ),
    ]
    return arrow.table(columns, schema=schema)


def _batch(batch: Any, encodings: Encodings | None, vector: str, id: str, label: str) -> VectorBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    vectors = vectors_of(columns.pop(vector), vector)
    found = {name: column.to_pylist() for name, column in columns.items() if not name.startswith(PANDAS)}
    ids, labels = found.pop(id, None), found.pop(label, None)
    if encodings is None:
        return VectorBatch(vectors, ids, labels, _metadata_of(found))
    ids = None if ids is None else values_of(ids, encodings.ids, id)
    labels = None if labels is None else values_of(labels, encodings.labels, label)
    metadata = found.get("metadata")
    return VectorBatch(vectors, ids, labels, None if metadata is None else from_json(metadata, "metadata"))


def _metadata_of(columns: dict[str, list[Any]]) -> list[dict[str, Any] | None] | None:
    """Return one object a row of columns; one that holds our metadata gives its keys."""
    written = _objects(columns.get("metadata"))
    if written is not None:
        columns = {name: column for name, column in columns.items() if name != "metadata"}
        if not columns:
            return written
    if not columns:
        return None
    rows: list[dict[str, Any] | None] = [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    return rows if written is None else [(own or {}) | (row or {}) for own, row in zip(written, rows, strict=True)]


def _objects(column: list[Any] | None) -> list[dict[str, Any] | None] | None:
    """Return the objects of a column of JSON, None where it is another."""
    if column is None or not all(value is None or isinstance(value, str) for value in column):
        return None
    try:
        objects = [None if value is None else json.loads(value) for value in column]
    except ValueError:
        return None
    return objects if all(value is None or isinstance(value, dict) for value in objects) else None
