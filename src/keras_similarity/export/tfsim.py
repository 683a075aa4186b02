"""An index saved by TensorFlow Similarity → arrays, and no pickle in it is run.

Its vectors, labels and data are one `.npz` file. What NumPy wrote as objects there is a pickle, which can hold any
program: such a column is refused, or left out when that is asked for. The files of its search engines are not read, as
an index is built from the vectors.
"""

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.errors import IndexFormatError

__all__ = ["SavedTfsimIndex", "read_tfsim"]

METADATA_FILE = "index_metadata.json"
ROWS_FILES = ("index.npz", "store/index.npz")  # of 0.17 and before, and of what came after
# What Python and NumPy raise where an archive is no whole one, or is of a kind that they cannot read.
DAMAGE = (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class SavedTfsimIndex:
    """What a folder of TensorFlow Similarity holds.

    Args:
        embeddings: `(n, d)` float32.
        labels: One a row, or None where left out.
        data: One entry a row, or None where there are none or they were left out.
        distance: What it was compiled with.
        cutpoints: Name -> threshold of its calibration, empty without one. For comparison: thresholds must be found
            anew, as unknown classes count differently here.

    Example:
        >>> from keras_similarity import Index
        >>> saved = SavedTfsimIndex(np.eye(2, dtype="float32"), ["cat", "dog"], None, get_distance("cosine"), {})
        >>> index = Index(saved.embeddings.shape[1], saved.distance)
        >>> ids = index.add(saved.embeddings, saved.labels, data=saved.data)
        >>> index.search([[0.9, 0.1]], k=1).labels.tolist()
        [['cat']]
    """

    embeddings: NDArray[np.float32]
    labels: list[Any] | None
    data: NDArray[Any] | None
    distance: Distance
    cutpoints: dict[str, float]


def read_tfsim(path: str | os.PathLike[str], *, labels: bool = True, data: bool = True) -> SavedTfsimIndex:
    """Read what `save_index` of TensorFlow Similarity wrote, without running what may be in it.

    Args:
        path: The folder that was given to `save_index` or `save`, or the folder `index` in it.
        labels, data: Whether these columns are read; a column of objects, such as the data of an index without data,
            can only be left out.

    Raises:
        FileNotFoundError: no such index is there.
        IndexFormatError: a column of objects, files that are damaged or contradict each other, or a store outside of
            the folder (Redis) or pickled as a whole (the cached one).

    Example:
        >>> read_tfsim("nowhere")
        Traceback (most recent call last):
        FileNotFoundError: nowhere holds no index_metadata.json, so TensorFlow Similarity saved no index there.
          Pass the folder that was given to `save_index`.
    """
    folder = _folder(Path(path))
    distance, cutpoints = _settings(folder / METADATA_FILE)
    rows = next((folder / name for name in ROWS_FILES if (folder / name).is_file()), None)
    if rows is None:
        raise IndexFormatError(
            f"{folder} needs one of {', '.join(ROWS_FILES)}: it has neither, as the index kept its rows in Redis or in "
            "pickled shards.\n  Write them out where it was made: see 'An index with objects in it' in the guide to "
            "migrating."
        )
    columns = _columns(rows, ["embeddings"] + ["labels"] * labels + ["data"] * data)
    return SavedTfsimIndex(
        columns["embeddings"],
        None if "labels" not in columns else columns["labels"].tolist(),
        columns.get("data"),
        distance,
        cutpoints,
    )


def _folder(path: Path) -> Path:
    for folder in (path, path / "index"):
        if (folder / METADATA_FILE).is_file():
            return folder
    raise FileNotFoundError(
        f"{path} holds no {METADATA_FILE}, so TensorFlow Similarity saved no index there.\n"
        "  Pass the folder that was given to `save_index`."
    )


def _settings(path: Path) -> tuple[Distance, dict[str, float]]:
    try:
        settings = json.loads(path.read_text("utf-8"))
        cutpoints = settings["cutpoints"] if settings.get("is_calibrated", False) else {}
        thresholds = {name: float(cutpoint["distance"]) for name, cutpoint in cutpoints.items()}
        return get_distance(settings["distance"]), thresholds
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise IndexFormatError(
            f"{path} needs JSON with a known distance, and thresholds where it is calibrated: {error!r}.\n"
            "  Copy the index again."
        ) from error


def _columns(path: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    """Return these columns of the file, each of one length; a column of "data" may be missing."""
    columns: dict[str, NDArray[Any]] = {}
    try:
        # Not `np.load`, which takes what is no archive for something else, a pickle at last.
        with path.open("rb") as opened, np.lib.npyio.NpzFile(opened, allow_pickle=False) as file:
            for name in names:
                if name in file.files or name != "data":
                    columns[name] = _column(file, name, path)
    except DAMAGE as error:
        raise IndexFormatError(f"{path} cannot be read: {error}.\n  Copy the index again.") from error
    shapes = {name: column.shape for name, column in columns.items()}
    if len(shapes["embeddings"]) != 2 or len({shape[:1] for shape in shapes.values()}) > 1:
        raise IndexFormatError(
            f"{path} needs embeddings (n, d) and one entry a row of each other column: got the shapes {shapes}.\n"
            "  Copy the index again."
        )
    return columns


def _column(file: Any, name: str, path: Path) -> NDArray[Any]:
    try:
        return file[name]
    except ValueError as error:  # what NumPy raises for objects, and for bytes that are no array
        raise IndexFormatError(
            f"{path} has {name!r} as Python objects, which only a pickle can bring back, and a pickle can run anything "
            f"({error}).\n  Leave the column out (--without {name}), or write it without objects where the index was "
            "made: see 'An index with objects in it' in the guide to migrating."
        ) from error
