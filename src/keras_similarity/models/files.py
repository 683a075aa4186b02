"""Read a `.keras` file, and say in our words what is wrong with one that cannot be read."""

import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_similarity.errors import IndexFormatError, ModelFileError

__all__ = ["load_model"]


def load_model(path: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Load a model with its index; `keras.saving.load_model` with clearer errors.

    Args:
        path: A `.keras` file.
        **kwargs: Passed on to `keras.saving.load_model`, such as `custom_objects`.

    Returns:
        The model, of the class it was saved as.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is cut, damaged, or no `.keras` file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no model at {path}.\n  Check the path; `model.save('name.keras')` writes one.")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path} is no whole .keras file: it is cut, or of another kind.\n  {_WAY_OUT}")
    try:
        return keras.saving.load_model(path, **kwargs)
    except (zipfile.BadZipFile, EOFError, OSError, IndexFormatError, ValueError, TypeError) as error:
        raise ModelFileError(f"{path} could not be loaded: {error}\n  {_WAY_OUT}") from error


_WAY_OUT = "Restore it from a backup, or save the model again."
