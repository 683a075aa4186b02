"""Where the rows of a bulk embedding come from: a folder of images, Parquet files, arrays, or a data set.

A source is known by its paths or its content, so that an interrupted run can tell whether it is still the same, and
it is pickled to the workers: what is on disk is read there.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_same_length
from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_folder import images_by_class
from keras_similarity.core.item_ids import as_ids
from keras_similarity.core.label_json import check_label_types
from keras_similarity.core.labels import label_list
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.images import PHOTO_PIXELS, read_images
from keras_similarity.embed.parquet import vectors_of

__all__ = ["Items", "Source", "find_source"]

NAMING = "`column=`, in a shell --column"
INPUT_COLUMNS = {"image": ("image", "input", "x"), "text": ("text", "input", "x"), "vector": ("input", "x", "vector")}


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Some rows of a source.

    Args:
        inputs: What an encoder takes, `(n, …)`.
        ids, labels, metadata: One a row, each.
    """

    inputs: Any
    ids: list[Any]
    labels: list[Any]
    metadata: list[dict[str, Any] | None]


class Source(Protocol):
    """Rows by their number."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    def read(self, start: int, stop: int, encoder: Encoder) -> Items:
        """Return the rows from `start` up to `stop`, made for an encoder."""
        ...

    def fingerprint(self) -> str:
        """Return what tells this source from another, and from itself after a change."""
        ...


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A folder with a subfolder of images per class; ids are paths in it, labels its subfolders."""

    folder: Path
    paths: list[Path]
    labels: list[str]
    most_pixels: int

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, start: int, stop: int, encoder: Encoder) -> Items:
        """Read some images; a ValueError names one that is none."""
        paths = self.paths[start:stop]
        ids = [path.relative_to(self.folder).as_posix() for path in paths]
        pixels = read_images(paths, encoder.shape, most_pixels=self.most_pixels)
        return Items(pixels, ids, list(self.labels[start:stop]), [None] * len(paths))

    def fingerprint(self) -> str:
        """Hash names, sizes and times of change."""
        return _of_files(self.folder, self.paths)


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
        ids = found.pop("id", None) or list(range(start, stop))
        labels = found.pop("label", None) or [None] * len(ids)
        rows = zip(*(_listed(part) for part in found.values()), strict=True)
        metadata: list[dict[str, Any] | None] = [None] * len(ids)
        if found:
            metadata = [dict(zip(found, row, strict=True)) for row in rows]
        return Items(_inputs(values, encoder, self.most_pixels), ids, labels, metadata)

    def fingerprint(self) -> str:
        """Hash names, sizes and times of change, and tell the column."""
        return f"{_of_files(self.folder, self.paths)} {self.column}"


@dataclass(frozen=True, slots=True, eq=False)
class ArrayRows:
    """An array `(n, …)`, or a data set with a length and numbered rows, with ids and labels of its rows."""

    x: Any
    ids: list[Any] | None
    labels: list[Any] | None
    most_pixels: int

    def __len__(self) -> int:
        return len(self.x)

    def read(self, start: int, stop: int, encoder: Encoder) -> Items:
        """Take some rows."""
        rows = self.x[start:stop] if isinstance(self.x, np.ndarray) else [self.x[row] for row in range(start, stop)]
        ids = list(range(start, stop)) if self.ids is None else self.ids[start:stop]
        labels = [None] * len(ids) if self.labels is None else self.labels[start:stop]
        return Items(_inputs(rows, encoder, self.most_pixels), ids, labels, [None] * len(ids))

    def fingerprint(self) -> str:
        """Hash what is in memory; of another data set what it says of itself: its own fingerprint, or its length."""
        digest = blake2b(f"{len(self)} {getattr(self.x, '_fingerprint', '')}".encode(), digest_size=16)
        if isinstance(self.x, np.ndarray) and self.x.dtype.kind != "O":
            _add_array(digest, self.x)
        elif isinstance(self.x, np.ndarray | list | tuple):
            for row in self.x:
                _add_row(digest, row)
        digest.update(repr((self.ids, self.labels)).encode())
        return digest.hexdigest()


def find_source(
    source: Any, *, labels: Any = None, ids: Any = None, column: str | None = None, image_pixels: int = PHOTO_PIXELS
) -> Source:
    """Return a source of rows.

    Args:
        source: A folder of images or of Parquet files, a Parquet file, an array `(n, …)`, or a data set with
            `len(source)` and `source[row]`.
        labels, ids: One a row, of an array or a data set.
        column: Parquet's column of inputs; None for the usual names.
        image_pixels: An image of more is refused when it is read.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: neither images nor Parquet files, no such column, or labels or ids of another number
            or for files.
        TypeError: a label that cannot be saved.
    """
    if isinstance(source, str | Path):
        if labels is not None or ids is not None:
            raise ValueError(
                "`labels` and `ids` belong to an array or a data set: files bring their own.\n"
                '  Leave them out, or write them into columns "label" and "id".'
            )
        return _on_disk(Path(source).resolve(), column, image_pixels)
    if not (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        raise TypeError(
            f"`source` needs a path, or a length and numbered rows: a {type(source).__name__} has not both.\n"
            "  Write a stream to Parquet files first."
        )
    x = as_array(source) if hasattr(source, "shape") else source
    own_ids = None if ids is None else as_ids(ids).tolist()  # refused before hours of embedding, not by the index after
    own_labels = None if labels is None else label_list(labels)
    for name, values in (("ids", own_ids), ("labels", own_labels)):
        if values is not None:
            check_same_length(len(x), values, name=name, what="source")
    check_label_types(own_labels or [])
    return ArrayRows(x, own_ids, own_labels, image_pixels)


def _on_disk(path: Path, column: str | None, image_pixels: int) -> Source:
    if not path.exists():
        raise FileNotFoundError(f"neither a folder nor a Parquet file is at {path}.\n  Check the path.")
    files = [path] if path.is_file() else sorted(file for file in path.glob("*.parquet") if file.name[0] != ".")
    if files:
        parquet = import_extra("pyarrow.parquet", extra="data", purpose="Parquet files")
        ends = list(accumulate(parquet.read_metadata(file).num_rows for file in files))
        _check_column(column, parquet.read_schema(files[0]).names)
        return ParquetRows(path if path.is_dir() else path.parent, files, column, ends, image_pixels)
    paths, labels = images_by_class(path)
    if not paths:
        raise ValueError(f"{path} needs subfolders with images, one a class, or Parquet files.\n  Check the path.")
    return ImageFolder(path, paths, labels, image_pixels)


def _check_column(column: str | None, names: list[str]) -> None:
    if column is not None and column not in names:
        raise ValueError(
            f"`column` must be one of the file's, {', '.join(names)}: got {column!r}.\n  Name one of them: {NAMING}."
        )


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
    if kind.startswith(("list<", "large_list<", "fixed_size_list<")) and "float" in kind and name != "label":
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


def _inputs(values: Sequence[Any] | NDArray[Any], encoder: Encoder, most_pixels: int) -> Any:
    """Return values as an encoder takes them: images from their files' content, others as they are."""
    if encoder.kind == "text":
        return np.asarray(values, object)
    if encoder.kind == "image" and not isinstance(values, np.ndarray):
        contents = [value["bytes"] if isinstance(value, dict) else value for value in values]  # as data sets keep them
        if contents and isinstance(contents[0], bytes | str | Path):
            files = [Path(value) if isinstance(value, str) else value for value in contents]
            return read_images(files, encoder.shape, most_pixels=most_pixels)
        values = [as_array(value) for value in contents]
    rows = np.asarray(values)
    if rows.shape[1:] != encoder.shape:
        raise ValueError(
            f"the encoder {encoder.name!r} takes rows of shape {encoder.shape}: got {rows.shape[1:]}.\n"
            "  Bring them to this shape."
        )
    return rows


def _add_row(digest: Any, row: Any) -> None:
    array = as_array(row)
    if array.dtype.kind in "OSU":
        digest.update(f"{row!r} ".encode(errors="surrogatepass"))
    else:
        _add_array(digest, array)


def _add_array(digest: Any, array: NDArray[Any]) -> None:
    digest.update(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _of_files(folder: Path, paths: list[Path]) -> str:
    digest = blake2b(digest_size=16)
    for path in paths:
        about = path.stat()
        digest.update(f"{path.relative_to(folder)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()
