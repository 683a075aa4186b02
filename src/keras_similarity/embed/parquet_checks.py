"""Ids and labels in Parquet files, checked before hours of embedding, and not by the index after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_similarity.core.extras import import_extra
from keras_similarity.core.item_ids import as_ids
from keras_similarity.core.label_json import check_label_types
from keras_similarity.core.labels import label_list
from keras_similarity.embed.parquet import whole_parquet

__all__ = ["check_parquet_ids", "check_parquet_labels"]

ROWS = 8192  # looked at together


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Rows of one file that follow each other: a column of Arrow's, and the row of the first."""

    path: Path
    first: int
    column: Any

    def place(self, row: int) -> str:
        """Return what to call one of its rows."""
        return f"row {self.first + row} of {self.path.name}"


def check_parquet_ids(paths: list[Path], name: str) -> None:
    """Raise unless an index takes the ids of all rows.

    Their column is read alone. What is kept are the ids as Arrow has them, since one may be given twice anywhere, and
    while they are compared a table of them.

    Args:
        paths: The files.
        name: Of the column; without it in any of them, rows have no ids of their own.

    Raises:
        TypeError: an id that is neither a whole number nor text.
        ValueError: a row without an id, one that as text or as a number is none, one given twice, or a file without ids
            beside others that have some.
        EmbeddingsFormatError: a damaged file.
    """
    if not _all_have(paths, name):
        return
    types = import_extra("pyarrow", extra="data", purpose="Parquet files").types
    found: dict[str, list[_Part]] = {"int64": [], "large_string": []}  # apart, since 1 and "1" are two ids
    for path in paths:
        with whole_parquet(path):
            for part in _parts(path, name):
                _check_kinds(part, name)
                kind = "int64" if types.is_integer(part.column.type) else "large_string"
                found[kind].append(replace(part, column=part.column.cast(kind)))
    for kind, parts in found.items():
        _check_differ(parts, kind)


def check_parquet_labels(paths: list[Path], name: str) -> None:
    """Raise unless an index takes the labels of all rows, whose column is read alone.

    Args:
        paths: The files.
        name: Of the column; a file without it has no labels.

    Raises:
        TypeError: a label that cannot be saved, such as a date.
        ValueError: a NaN, or text too long for a label.
        EmbeddingsFormatError: a damaged file.
    """
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    for path in paths:
        with whole_parquet(path):
            if name in parquet.read_schema(path).names:
                for part in _parts(path, name):
                    _check_each(part, _check_labels)


def _check_labels(labels: list[Any]) -> None:
    check_label_types(label_list(labels))


def _all_have(paths: list[Path], name: str) -> bool:
    """Whether files have a column: each of them, or none."""
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    lacking = [path for path in paths if name not in parquet.read_schema(path).names]
    if lacking and len(lacking) < len(paths):
        raise ValueError(
            f"the column {name!r} must be in each file or in none: {lacking[0].name} lacks it.\n"
            "  Write it into every file, or leave it out: then row numbers are ids."
        )
    return not lacking


def _parts(path: Path, name: str) -> Iterator[_Part]:
    parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
    first = 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS, columns=[name]):
            column = batch.column(0)
            yield _Part(path, first, column.dictionary_decode() if hasattr(column, "dictionary_decode") else column)
            first += len(column)


def _check_kinds(part: _Part, name: str) -> None:
    """Raise for the first id of a part that no index takes, whatever the others are."""
    if part.column.null_count:
        row = part.column.is_null().index(True).as_py()
        raise ValueError(
            f"the column {name!r} needs an id in every row: {part.place(row)} has none.\n"
            "  Fill it, or leave the column out: then row numbers are ids."
        )
    _check_each(part, as_ids)


def _check_each(part: _Part, check: Callable[[list[Any]], Any]) -> None:
    """Raise what `check` does for the rows of a part, with the place of the first one at fault."""
    values = part.column.to_pylist()
    if _error_of(check, values) is None:
        return
    for row, value in enumerate(values):  # none where an id is only given twice, which is told of with both rows
        error = _error_of(check, [value])
        if error is not None:
            raise type(error)(str(error).replace("row 0 is", f"{part.place(row)} is", 1)) from error


def _error_of(check: Callable[[list[Any]], Any], values: list[Any]) -> TypeError | ValueError | None:
    try:
        check(values)
    except (TypeError, ValueError) as error:
        return error
    return None


def _check_differ(parts: list[_Part], kind: str) -> None:
    """Raise for an id that is in two rows."""
    arrow = import_extra("pyarrow", extra="data", purpose="Parquet files")
    compute = import_extra("pyarrow.compute", extra="data", purpose="Parquet files")
    ids = arrow.chunked_array([part.column for part in parts], kind)
    if compute.count_distinct(ids).as_py() == len(ids):
        return
    counts = compute.value_counts(ids)
    twice = counts.field("values")[compute.index(compute.greater(counts.field("counts"), 1), True).as_py()]
    places = [
        part.place(row)
        for part in parts
        for row in compute.indices_nonzero(compute.equal(part.column, twice)).to_pylist()
    ]
    raise ValueError(
        f"ids must differ: {twice.as_py()!r} is in {places[0]} and in {places[1]}.\n  Keep one row per id."
    )
