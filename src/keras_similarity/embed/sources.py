"""Where the rows of a bulk embedding come from: a folder of images, Parquet files, arrays, or a data set.

A source is known by its paths or its content, so that an interrupted run can tell whether it is still the same, and
it is pickled to the workers: what is on disk is read there.
"""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_same_length
from keras_similarity.core.image_folder import images_by_class
from keras_similarity.core.item_ids import as_ids
from keras_similarity.core.label_json import check_label_types
from keras_similarity.core.labels import label_list
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.images import PHOTO_PIXELS, check_takes_images, read_images
from keras_similarity.embed.parquet_source import open_parquet
from keras_similarity.embed.source_rows import Items, files_fingerprint, inputs_of

__all__ = ["Source", "find_source"]


class Source(Protocol):
    """Rows by their number."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    def check(self, encoder: Encoder) -> None:
        """Raise for what would stop the run, or the index that is made of it, after hours of embedding."""
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

    def check(self, encoder: Encoder) -> None:
        """Raise for an encoder of something else, and for a path that is no id."""
        check_takes_images(encoder, self.folder)
        as_ids(self._ids(self.paths))

    def read(self, start: int, stop: int, encoder: Encoder) -> Items:
        """Read some images; a ValueError names one that is none."""
        paths = self.paths[start:stop]
        pixels = read_images(paths, encoder.shape, most_pixels=self.most_pixels)
        return Items(pixels, self._ids(paths), list(self.labels[start:stop]), [None] * len(paths))

    def fingerprint(self) -> str:
        """Hash names, sizes and times of change."""
        return files_fingerprint(self.folder, self.paths)

    def _ids(self, paths: list[Path]) -> list[str]:
        return [path.relative_to(self.folder).as_posix() for path in paths]


@dataclass(frozen=True, slots=True, eq=False)
class ArrayRows:
    """An array `(n, …)`, or a data set with a length and numbered rows, with ids and labels of its rows."""

    x: Any
    ids: list[Any] | None
    labels: list[Any] | None
    most_pixels: int

    def __len__(self) -> int:
        return len(self.x)

    def check(self, encoder: Encoder) -> None:
        """Find nothing: ids were looked at as they were given, and rows are as they are read."""

    def read(self, start: int, stop: int, encoder: Encoder) -> Items:
        """Take some rows."""
        rows = self.x[start:stop] if isinstance(self.x, np.ndarray) else [self.x[row] for row in range(start, stop)]
        ids = list(range(start, stop)) if self.ids is None else self.ids[start:stop]
        labels = [None] * len(ids) if self.labels is None else self.labels[start:stop]
        return Items(inputs_of(rows, encoder, self.most_pixels), ids, labels, [None] * len(ids))

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
        return open_parquet(path if path.is_dir() else path.parent, files, column, image_pixels)
    paths, labels = images_by_class(path)
    if not paths:
        raise ValueError(f"{path} needs subfolders with images, one a class, or Parquet files.\n  Check the path.")
    return ImageFolder(path, paths, labels, image_pixels)


def _add_row(digest: Any, row: Any) -> None:
    array = as_array(row)
    if array.dtype.kind in "OSU":
        digest.update(f"{row!r} ".encode(errors="surrogatepass"))
    else:
        _add_array(digest, array)


def _add_array(digest: Any, array: NDArray[Any]) -> None:
    digest.update(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
