"""Vectors, ids, labels and metadata as a Parquet file: a row an item, for pandas, DuckDB, Spark and other indexes."""

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.label_json import label_from_json, label_to_json
from keras_similarity.core.results import Record
from keras_similarity.core.whole_file import whole_file
from keras_similarity.errors import EmbeddingsFormatError

__all__ = ["VectorBatch", "read_parquet", "vectors_of", "whole_parquet", "write_batches", "write_parquet"]

ROWS = 8192  # of a group: what is in memory at a time


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

    Columns: "id" and "label", as JSON; "vector", a list of `dim` float32; "metadata", as JSON. `read_parquet` reads all
    back.

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
    arrow = import_extra("pyarrow", extra="data", purpose="Parquet files")
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    schema = arrow.schema(
        [
            ("id", arrow.string()),
            ("label", arrow.string()),
            ("vector", arrow.list_(arrow.float32(), dim)),
            ("metadata", arrow.string()),
        ],
        metadata={"keras_similarity": json.dumps({"ids": "json", "labels": "json"})},
    )
    count = 0
    with whole_file(path) as written, parquet.ParquetWriter(written, schema) as writer:
        for batch in batches:
            writer.write_table(_table(arrow, schema, batch, dim))
            count += len(batch.vectors)
    return count


def read_parquet(path: Path, *, vector: str = "vector", id: str = "id", label: str = "label") -> Iterator[VectorBatch]:
    """Read a file of vectors part by part, ours or another's.

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
                f"{path.name} needs a column {vector!r} of vectors: it has {', '.join(names)}.\n  Name it."
            )
        ours = b"keras_similarity" in (file.schema_arrow.metadata or {})
        for batch in file.iter_batches(ROWS):
            yield _batch(batch, ours, vector, id, label)


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


def _table(arrow: Any, schema: Any, batch: VectorBatch, dim: int) -> Any:
    count = len(batch.vectors)
    flat = np.ascontiguousarray(batch.vectors, np.float32).reshape(-1)
    columns = [
        arrow.array([json.dumps(id) for id in batch.ids or [None] * count]),
        arrow.array([json.dumps(label_to_json(label)) for label in batch.labels or [None] * count]),
        arrow.FixedSizeListArray.from_arrays(arrow.array(flat), dim),
        # Dates and the like, from the columns of other people's files, become text.
        arrow.array(
            [None if row is None else json.dumps(row, default=str) for row in batch.metadata or [None] * count],
            arrow.string(),
        ),
    ]
    return arrow.table(columns, schema=schema)


def _batch(batch: Any, ours: bool, vector: str, id: str, label: str) -> VectorBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    vectors = vectors_of(columns.pop(vector), vector)
    found = {name: column.to_pylist() for name, column in columns.items()}
    ids, labels = found.pop(id, None), found.pop(label, None)
    metadata: list[Any] | None
    if ours:
        ids = _from_json(ids, id)
        labels = None if labels is None else list(map(label_from_json, _from_json(labels, label) or []))
        metadata = _from_json(found.get("metadata"), "metadata")
    else:
        metadata = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)] if found else None
    return VectorBatch(vectors, ids, labels, metadata)


def _from_json(values: list[str | None] | None, name: str) -> list[Any] | None:
    """Return what we wrote into a column; None stays None, and for a row without."""
    try:
        return None if values is None else [None if value is None else json.loads(value) for value in values]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the column {name!r} needs JSON, as the file says that this package wrote it: {error}.\n"
            "  Export it again, or leave out the file's metadata 'keras_similarity'."
        ) from error
