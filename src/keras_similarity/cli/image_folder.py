"""A folder of images, a subfolder a class, as commands read it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.image_folder import images_by_class
from keras_similarity.embed import read_image

__all__ = ["find_images", "read_images"]


def find_images(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images in the subfolders of a folder and their classes, in the order of their names.

    Raises:
        ValueError: there are none.
    """
    paths, labels = images_by_class(folder)
    if not paths:
        raise ValueError(f"{folder} needs subfolders with images, one a class: there are none.\n  Check the path.")
    return paths, labels


def read_images(paths: Sequence[Path], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return images `(n, *shape)` of one size.

    Raises:
        UnsupportedImageError: one cannot be read; the message names it.
    """
    return np.stack([_read(path, shape) for path in paths])


def _read(path: Path, shape: tuple[int, ...]) -> Any:
    try:
        return read_image(path, shape, formats=None)
    except ValueError as error:
        raise ValueError(f"{path} is no readable image: {error}") from error
