"""The calibration that is kept with an index: a file in its folder, or among the arrays of one that was saved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_similarity.calibrate.results import CalibrationResults
from keras_similarity.index.folder import is_index_folder, read_folder

__all__ = ["CALIBRATION_FILE", "calibration_among", "read_calibration", "with_calibration"]

CALIBRATION_FILE = "calibration.npz"  # in the folder of an index
NAME = "calibration"  # among the arrays and settings of a saved index
PREFIX = f"{NAME}-"


def read_calibration(folder: Path) -> CalibrationResults | None:
    """Return the calibration of the index in a folder, None where it has none.

    Args:
        folder: Of an index that lives there, or that `Index.save` or `model.save_index` wrote. A file that
            `keras-similarity calibrate` left there goes before what the model knew.

    Raises:
        CorruptIndexError: it is damaged.
        ValueError: a newer format.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keras_similarity import Index
        >>> from keras_similarity.calibrate import calibrate
        >>> with TemporaryDirectory() as folder, Index(1, "euclidean", store=f"{folder}/my.index") as index:
        ...     ids = index.add([[0.0], [10.0]], ["a", "b"])
        ...     before = read_calibration(Path(folder, "my.index"))
        ...     calibrate(index, [[1.0], [4.0]], ["a", "c"]).save(f"{folder}/my.index/calibration.npz")
        ...     after = read_calibration(Path(folder, "my.index"))
        >>> before, after.cutpoints["optimal"]["distance"]
        (None, 1.0)
    """
    if (folder / CALIBRATION_FILE).is_file():
        return CalibrationResults.open(folder / CALIBRATION_FILE)
    return calibration_among(*read_folder(folder)) if is_index_folder(folder) else None


def with_calibration(
    calibration: CalibrationResults, arrays: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and settings of an index, its calibration among them."""
    own, kept = calibration.to_arrays()
    return {**arrays, **{PREFIX + name: array for name, array in own.items()}}, {**settings, NAME: kept}


def calibration_among(arrays: Mapping[str, Any], settings: Mapping[str, Any]) -> CalibrationResults | None:
    """Return the calibration among the arrays and settings of an index, None where there is none."""
    if NAME not in settings:
        return None
    own = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    return CalibrationResults.from_arrays(own, settings[NAME])
