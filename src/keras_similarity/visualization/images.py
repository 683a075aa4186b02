"""One item in one cell of a figure: an image, a vector as a line, or its text."""

from typing import Any

import numpy as np

from keras_similarity.core.checks import as_array

__all__ = ["draw_image"]

MOST_CHARACTERS = 20  # of a text, beside the next cell's


def draw_image(cell: Any, image: Any, *, color: str = "black", cmap: str = "gray") -> None:
    """Draw an image `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)`, a vector `(d,)`, or the text of anything else.

    Args:
        cell: Matplotlib's axes.
        image: An array or tensor with numbers of any range, or another value; None where there is no image.
        color: Of a line.
        cmap: Matplotlib's name of the colours for images of one channel.
    """
    is_array = hasattr(image, "__array__") or hasattr(image, "detach")
    array: Any = as_array(image) if is_array else np.asarray(image) if isinstance(image, list) else np.empty(0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2, 3) or array.size == 0:
        text = "no image" if image is None else str(image)
        cell.text(0.5, 0.5, text[:MOST_CHARACTERS], ha="center", va="center", fontsize=8, transform=cell.transAxes)
    elif array.ndim == 1:
        cell.plot(array, color=color, linewidth=1)
    else:
        cell.imshow(array if array.ndim == 2 else _in_unit_range(array), cmap=cmap, interpolation="nearest")


def _in_unit_range(image: np.ndarray) -> np.ndarray:
    """Return colours in 0–1, whether they came as 0–1, 0–255 or anything else."""
    if image.dtype == np.uint8:
        return image / 255.0
    low, high = float(image.min()), float(image.max())
    if low >= 0 and high <= 1:
        return image
    return image / 255.0 if low >= 0 and high <= 255 else (image - low) / max(high - low, 1e-12)
