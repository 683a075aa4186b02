"""RandAugment: a few changes of one strength, chosen for each image."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_similarity.augment.color import blended, grey_of
from keras_similarity.augment.resampling import warped
from keras_similarity.augment.transform import ImageTransform, per_image, register
from keras_similarity.core.checks import check_number, check_whole

__all__ = ["RandAugment"]

Tensor = Any
QUANTILES = 32  # an equalised image's brightness is right to 1 part in as many


@register
class RandAugment(ImageTransform):
    """Makes `num_ops` changes to each image, drawn for it alone from the paper's fourteen, all of one strength.

    They are: none, auto-contrast, equalise, rotate, solarise, colour, posterise, contrast, brightness, sharpness, shear
    and translate along x and y. A change that has two directions takes one at random. What a warp shows from outside
    the image is grey. (`keras.layers.RandAugment` draws one choice for the whole batch.)

    Args:
        num_ops: Changes behind one another, N of the paper, ≥ 1.
        magnitude: M of the paper, from 0 to 10: at 10, 30° of rotation, a shear of 0.3, a shift of 0.45 of the side, an
            enhancement of 0.1 or 1.9, 4 bits, all solarised.
        probability: Of an image to be changed.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Raises:
        ValueError: a number out of its range.

    Cost: on arrays, `num_ops` changes an image; in a graph, which has no branches per image, fourteen times as many.

    Example:
        >>> augment = RandAugment(num_ops=2, magnitude=5, seed=0)
        >>> augment(np.zeros((2, 8, 8, 3), np.uint8)).shape
        (2, 8, 8, 3)

    References:
        Cubuk et al., RandAugment: Practical Automated Data Augmentation with a Reduced Search Space, 2019,
        arXiv:1909.13719; the ranges are those of AutoAugment, arXiv:1805.09501, table 6.
    """

    def __init__(self, *, num_ops: int = 2, magnitude: float = 9.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_ops = check_whole(num_ops, name="num_ops", minimum=1)
        self.magnitude = check_number(magnitude, name="magnitude", hint="The paper's M.", at_least=0, at_most=10)
        self.draws = 2 * self.num_ops

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return images after `num_ops` changes."""
        for number in range(self.num_ops):
            choice = xp.floor(draws[:, 2 * number] * len(CHANGES))
            sign = xp.where(draws[:, 2 * number + 1] < 0.5, -1.0, 1.0)
            images = xp.clip(_changed(xp, images, choice, sign * (self.magnitude / 10)), 0.0, 1.0)
        return images

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "num_ops": self.num_ops, "magnitude": self.magnitude}


def _changed(xp: Any, images: Tensor, choice: Tensor, strength: Tensor) -> Tensor:
    """Return each image after the change of its own number."""
    if xp is np:
        result = images.copy()
        for number, change in enumerate(CHANGES):
            rows = np.flatnonzero(choice == number)
            if len(rows):
                result[rows] = change(np, images[rows], strength[rows].astype(np.float32))
        return result
    result = images
    for number, change in enumerate(CHANGES):
        result = xp.where(per_image(choice == number), change(xp, images, strength), result)
    return result


def _auto_contrast(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    low, high = xp.min(images, axis=(1, 2), keepdims=True), xp.max(images, axis=(1, 2), keepdims=True)
    flat = high <= low
    return xp.where(flat, images, (images - low) / xp.where(flat, 1.0, high - low))


def _equalize(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    """Spread the values of each channel evenly: piecewise linear between the quantiles of the image."""
    _, height, width, channels = images.shape
    ordered = xp.sort(xp.reshape(images, (-1, height * width, channels)), axis=1)
    total: Any = 0.0
    for number in range(QUANTILES):
        low, high = (
            ordered[:, None, None, round(part * (height * width - 1) / QUANTILES), :] for part in (number, number + 1)
        )
        wide = high > low
        rise = (images - low) / xp.where(wide, high - low, 1.0)
        total = total + xp.where(wide, xp.clip(rise, 0.0, 1.0), xp.where(images >= high, 1.0, 0.0))
    return total / QUANTILES


def _solarize(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    return xp.where(images < per_image(1 - xp.abs(strength)), images, 1 - images)


def _posterize(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    step = per_image(2 ** xp.floor(4 * xp.abs(strength)))
    return xp.floor(images * 255 / step) * step / 255


def _color(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    return blended(xp, images, grey_of(images), 1 + 0.9 * strength)


def _contrast(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    return blended(xp, images, xp.mean(grey_of(images), axis=(1, 2, 3), keepdims=True), 1 + 0.9 * strength)


def _brightness(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    return blended(xp, images, 0.0, 1 + 0.9 * strength)


def _sharpness(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    """Blend with a mean of 3×3 pixels that counts the middle five times, as Pillow's; the edge stays."""
    height, width = images.shape[1:3]
    if min(height, width) < 3:
        return images
    around: Any = sum(
        images[:, row : height - 2 + row, column : width - 2 + column, :] for row in range(3) for column in range(3)
    )
    smooth = (around + 4 * images[:, 1:-1, 1:-1, :]) / 13
    middle = xp.concatenate([images[:, 1:-1, :1, :], smooth, images[:, 1:-1, -1:, :]], axis=2)
    smooth = xp.concatenate([images[:, :1], middle, images[:, -1:]], axis=1)
    return blended(xp, images, smooth, 1 + 0.9 * strength)


def _rotate(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    angle = strength * math.radians(30)
    sine, cosine, none = xp.sin(angle), xp.cos(angle), angle * 0
    return warped(xp, images, (cosine, -sine, none, sine, cosine, none))


def _moved(which: int, share: float, axis: int | None = None) -> Callable[[Any, Tensor, Tensor], Tensor]:
    """Return a warp that sets one entry of the matrix, to a share of an axis's length where one is given."""

    def change(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
        none = strength * 0
        matrix = [none + 1, none, none, none, none + 1, none]
        matrix[which] = strength * share * (1 if axis is None else images.shape[axis])
        return warped(xp, images, tuple(matrix))

    return change


def _identity(xp: Any, images: Tensor, strength: Tensor) -> Tensor:
    return images


CHANGES = (
    _identity,
    _auto_contrast,
    _equalize,
    _rotate,
    _solarize,
    _color,
    _posterize,
    _contrast,
    _brightness,
    _sharpness,
    _moved(1, 0.3),
    _moved(3, 0.3),
    _moved(2, 0.45, axis=2),
    _moved(5, 0.45, axis=1),
)
