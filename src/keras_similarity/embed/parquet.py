"""Vectors, ids, labels and metadata as a Parquet file: a row an item, for pandas, DuckDB, Spark and other indexes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.label_json import label_from_json, label_to_json
from keras_similarity.core.results import Record

__all__ = ["VectorBatch", "read_parquet", "vectors_of", "write_batches", "write_parquet"]

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
    """Write items, such as `index.records()`, to a file; see `write_batches`."""
    return write_batches(_batches(records), path, dim)


def write_batches(batches: Iterable[VectorBatch], path: Path, dim: int) -> int:
    """Write rows to a file, whole or not at all; return how many.

    Columns: "id" and "label", as JSON; "vector", a list of `dim` float32; "metadata", as JSON. `read_parquet` reads all
    back.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
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
    fresh = path.with_name(f".{path.name}.new")
    count = 0
    try:
        with parquet.ParquetWriter(fresh, schema) as writer:
            for batch in batches:
                writer.write_table(_table(arrow, schema, batch, dim))
                count += len(batch.vectors)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return count


def read_parquet(path: Path, *, vector: str = "vector", id: str = "id", label: str = "label") -> Iterator[VectorBatch]:
    """Read a file of vectors part by part, ours or another's.

    Args:
        path: The file.
        vector, id, label: Names of the columns; "vector" must be there, and holds lists of numbers.

    Raises:
        ValueError: no column of vectors, or rows of several lengths.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    with parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if vector not in names:
            raise ValueError(
                f"{path.name} needs a column {vector!r} of vectors: it has {', '.join(names)}.\n  Name it."
            )
        ours = b"keras_similarity" in (file.schema_arrow.metadata or {})
        for batch in file.iter_batches(ROWS):
            yield _batch(batch, ours, vector, id, label)


def vectors_of(column: Any, name: str) -> NDArray[np.float32]:
    """Return a column of lists as an array `(n, d)`.

    Raises:
        ValueError: lists of several lengths, or none.
    """
    lengths = set(column.value_lengths().to_pylist()) if len(column) else {0}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(f"the column {name!r} needs vectors of one length.\n  Leave out the rows of another.")
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(len(column), lengths.pop())


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
    if ours:
        ids = None if ids is None else [json.loads(value) for value in ids]
        labels = None if labels is None else [label_from_json(json.loads(value)) for value in labels]
        metadata = [None if value is None else json.loads(value) for value in found["metadata"]]
    else:
        metadata = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)] if found else None
    return VectorBatch(vectors, ids, labels, metadata)
