"""The index inside a `.keras` file: one artefact, written by `save` and read by `keras.saving.load_model`."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.errors import CorruptIndexError
from keras_similarity.index.folder import as_files, is_index_folder, read_files, read_folder, write_folder
from keras_similarity.models.calibrated import Calibrated

__all__ = ["OneFile"]

State = tuple[dict[str, Any], dict[str, Any]]  # arrays and JSON settings
INDEX_FOLDER = "similarity_index"
EMBEDDING_OUTPUT = "embedding_output"
# Keras unpacks a file with assets whole, its weights once more, onto the disk: 0.2 s of CPU for 60,000 images. What
# lies beside the weights is read with them, in memory, which costs a copy there: for indexes of moderate size only.
MOST_BESIDE_WEIGHTS = 2**28


class OneFile(Calibrated):
    """Mixed into a `keras.Model`: saves the index and its calibration with the model."""

    _beside_weights: State | None = None  # while `save` writes: what goes beside the weights

    def save(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Write model, optimizer, index and calibration into one `.keras` file, without pickle.

        Args:
            filepath: Ends in `.keras`.
            overwrite, zipped, **kwargs: As for `keras.Model.save`.
        """
        state = None if self._index is None else self._state()
        if state is not None and sum(array.nbytes for array in state[0].values()) <= MOST_BESIDE_WEIGHTS:
            self._beside_weights = state
        try:
            super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)  # type: ignore[misc]
        finally:
            self._beside_weights = None

    def save_own_variables(self, store: Any) -> None:
        """Write the index beside the weights, where `save` asked for that; Keras calls this."""
        super().save_own_variables(store)  # type: ignore[misc]
        if self._beside_weights is None:
            return
        group = store.h5_file.create_group(INDEX_FOLDER)
        for name, parts in as_files(*self._beside_weights):
            content = group.create_dataset(name, (sum(len(part) for part in parts),), np.uint8)
            start = 0
            for part in parts:
                content[start : start + len(part)] = np.frombuffer(part, np.uint8)
                start += len(part)

    def load_own_variables(self, store: Any) -> None:
        """Read the index from beside the weights, if it is there; Keras calls this.

        Raises:
            IndexFormatError: the index is damaged, or of a newer format.
            zipfile.BadZipFile: the weights are damaged.
        """
        _check_whole(store)
        super().load_own_variables(store)  # type: ignore[misc]
        file = getattr(store, "h5_file", {})
        if INDEX_FOLDER in file:
            read = _Content(file[INDEX_FOLDER], store.path_or_io)
            self._take_state(*read_files(Path(INDEX_FOLDER), read))

    def save_assets(self, dir_path: str) -> None:
        """Write the index as files, where it is not beside the weights; Keras calls this."""
        if self._index is None or self._beside_weights is not None:
            return
        folder = Path(dir_path, INDEX_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        write_folder(folder, *self._state())

    def load_assets(self, dir_path: str | None) -> None:
        """Read the index from files, if it is there; Keras calls this.

        Raises:
            IndexFormatError: the index is damaged, or of a newer format.
        """
        if dir_path is not None and is_index_folder(Path(dir_path, INDEX_FOLDER)):
            self._take_state(*read_folder(Path(dir_path, INDEX_FOLDER)))

    def _state(self) -> State:
        arrays, settings = self._index_to_arrays()
        return arrays, settings | {EMBEDDING_OUTPUT: self._embedding_output}

    def _take_state(self, arrays: dict[str, Any], settings: dict[str, Any]) -> None:
        self._embedding_output = settings[EMBEDDING_OUTPUT]
        self._take_index(arrays, settings)


def _check_whole(store: Any) -> None:
    """Raise where the file of weights is not what was written.

    Keras checks it by reading it whole. Where that fails it reads piece by piece, and whether zipfile then notices
    depends on how it is asked to seek.
    """
    archive = getattr(store, "archive", None)
    if archive is not None:
        with archive.open(str(store.path_or_io)) as file:
            while file.read(2**20):
                continue


class _Content:
    """Reads the files of an index from beside the weights.

    Keras has read the whole file into memory. Where the index is the better part of it, its arrays are views of that:
    a copy would cost as much again, in time and in memory.
    """

    def __init__(self, group: Any, source: Any) -> None:
        self._group = group
        self._whole = source.getvalue() if isinstance(source, io.BytesIO) else b""
        self._views = 2 * sum(len(dataset) for dataset in group.values()) > len(self._whole) > 0

    def __call__(self, name: str) -> NDArray[np.uint8]:
        if name not in self._group:
            raise CorruptIndexError(
                f"{name} of the index is missing.\n  Restore the file from a backup, or save the model again."
            )
        dataset = self._group[name]
        start = dataset.id.get_offset() if self._views else None
        if start is None:
            return np.asarray(dataset, np.uint8)
        return np.frombuffer(self._whole, np.uint8, len(dataset), start)
