"""Read a `.keras` file, and say in our words what is wrong with one that cannot be read."""

import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_similarity.embed.model_files import check_digest
from keras_similarity.errors import DamagedModelError, IndexFormatError
from keras_similarity.models.allowed_classes import check_model_file

__all__ = ["load_model"]


def load_model(path: str | os.PathLike[str], *, sha256: str | None = None, **kwargs: Any) -> Any:
    """Load a model with its index; `keras.saving.load_model` with clearer errors, and a look at the file before.

    The file may name classes of Keras and of this package, what was registered with Keras, and what `custom_objects`
    has, but nothing that runs code or reads other files. `safe_mode=False` says that you trust whoever made it: then
    nothing is looked at.

    Args:
        path: A `.keras` file.
        sha256: What `sha256sum` says of the file that is meant; another is refused.
        **kwargs: Passed on to `keras.saving.load_model`, such as `custom_objects`.

    Returns:
        The model, of the class it was saved as.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is cut, damaged, no `.keras` file, another than was meant, or holds what is not allowed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keras_similarity import SimilarityModel
        >>> inputs = keras.Input((4,))
        >>> model = SimilarityModel(inputs, keras.layers.UnitNormalization()(inputs))
        >>> model.compile()
        >>> ids = model.index(np.eye(4), y=["a", "b", "c", "d"])
        >>> with TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/letters.keras")
        ...     again = load_model(f"{folder}/letters.keras")
        >>> again.single_lookup(np.eye(4)[2], k=1)[0].label
        'c'
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no model at {path}.\n  Check the path; `model.save('name.keras')` writes one.")
    if not zipfile.is_zipfile(path):
        raise DamagedModelError(f"{path} is no whole .keras file: it is cut, or of another kind.\n  {_WAY_OUT}")
    if sha256 is not None:
        check_digest(Path(path), sha256)
    if kwargs.get("safe_mode", True) is not False:
        check_model_file(path, kwargs.get("custom_objects"))
    try:
        return keras.saving.load_model(path, **kwargs)
    except (zipfile.BadZipFile, EOFError, OSError, IndexFormatError, ValueError, TypeError) as error:
        raise DamagedModelError(f"{path} could not be loaded: {error}\n  {_WAY_OUT}") from error


_WAY_OUT = "Restore it from a backup, or save the model again."
