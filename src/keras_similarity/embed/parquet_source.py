"""Parquet files as rows to embed, read by the row groups that hold them."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from keras_similarity.core.extras import import_extra
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.parquet import vectors_of
from keras_similarity.embed.parquet_checks import check_parquet_ids, check_parquet_labels
from keras_similarity.embed.source_rows import Items, files_fingerprint, inputs_of

__all__ = ["ParquetRows", "open_parquet"]

NAMING = "`column=`, in a shell --column"
INPUT_COLUMNS = {"image": ("image", "input", "x"), "text": ("text", "input", "x"), "vector": ("input", "x", "vector")}
ID, LABEL = "id", "label"


@dataclass(frozen=True, slots=True)
class ParquetRows:
    """Parquet files, one after another: a column of inputs, and, where they are there, "id" and "label".

    Every other column goes into the metadata. Without ids, a row's number is its id.
    """

    folder: Path
    paths: list[Path]
    column: str | None
    ends: list[int]
    most_pixels: int

    def __len__(self) -> int:
        return self.ends[-1]

    def check(self, encoder: Encoder) -> None:
        """Raise for ids and labels that no index takes; what the encoder takes is looked at as it is read."""
        if self.column != ID:
            check_parquet_ids(self.paths, ID)
        if self.column != LABEL:
            check_parquet_labels(self.paths, LABEL)

    def read(self, start: int, stop: int, encoder: Encoder) -> Items:
        """Read the row groups that hold some rows."""
        arrow = import_extra("pyarrow", extra="data", purpose="Parquet files")
        parts, at = [], start
        while at < stop:
            number = bisect_right(self.ends, at)
            first = self.ends[number - 1] if number else 0
            end = min(stop, self.ends[number])
            parts.append(_rows_of(self.paths[number], at - first, end - first))
            at = end
        found = {name: _values(column, name) for name, column in _columns(arrow.concat_tables(parts))}
        column = self.column or _input_column(found, encoder)
        values = found.pop(column)
        ids = found.pop(ID, None) or list(range(start, stop))
        labels = found.pop(LABEL, None) or [None] * len(ids)
        rows = zip(*(_listed(part) for part in found.values()), strict=True)
        metadata: list[dict[str, Any] | None] = [None] * len(ids)
        if found:
            metadata = [dict(zip(found, row, strict=True)) for row in rows]
        return Items(inputs_of(values, encoder, self.most_pixels), ids, labels, metadata)

    def fingerprint(self) -> str:
        """Hash names, sizes and times of change, and tell the column."""
        return f"{files_fingerprint(self.folder, self.paths)} {self.column}"


def open_parquet(folder: Path, paths: list[Path], column: str | None, most_pixels: int) -> ParquetRows:
    """Return the rows of Parquet files, one file after another.

    Args:
        folder: Where they are.
        paths: The files, at least one.
        column: Of inputs; None for the usual names.
        most_pixels: An image of more is refused when it is read.

    Raises:
        ValueError: no such column.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    ends = list(accumulate(parquet.read_metadata(path).num_rows for path in paths))
    names = parquet.read_schema(paths[0]).names
    if column is not None and column not in names:
        raise ValueError(
            f"`column` must be one of the file's, {', '.join(names)}: got {column!r}.\n  Name one of them: {NAMING}."
        )
    return ParquetRows(folder, paths, column, ends, most_pixels)


def _rows_of(path: Path, start: int, stop: int) -> Any:
    """Return rows of one file, read from the row groups that hold them."""
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    with parquet.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        ends = list(accumulate(sizes))
        first, last = bisect_right(ends, start), bisect_right(ends, stop - 1)
        table = file.read_row_groups(list(range(first, last + 1)))
        return table.slice(start - (ends[first] - sizes[first]), stop - start)


def _columns(table: Any) -> list[tuple[str, Any]]:
    return list(zip(table.column_names, table.columns, strict=True))


def _listed(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _values(column: Any, name: str) -> Any:
    """Return a column as a list, or as an array `(n, d)` where it holds lists of numbers."""
    kind = str(column.type)
    if kind.startswith(("list<", "large_list<", "fixed_size_list<")) and "float" in kind and name != LABEL:
        return vectors_of(column.combine_chunks(), name)
    return column.to_pylist()


def _input_column(found: dict[str, Any], encoder: Encoder) -> str:
    usual = INPUT_COLUMNS[encoder.kind]
    column = next((name for name in usual if name in found), None)
    if column is None:
        raise ValueError(
            f"no column is named {' or '.join(usual)}: the file has {', '.join(found)}.\n"
            f"  Name the column that the encoder is to read: {NAMING}."
        )
    return column
