"""Where the picture is cut, and which way round it is."""

import math
from typing import Any

from keras_similarity.augment.resampling import box_weights, resampled
from keras_similarity.augment.transform import ImageTransform, checked_pair, register
from keras_similarity.core.checks import check_number, check_whole

__all__ = ["HorizontalFlip", "RandomResizedCrop"]

Tensor = Any
TRIES = 10


@register
class RandomResizedCrop(ImageTransform):
    """Cuts a box of random area and shape, and scales it to one size: the crop of Inception, SimCLR and most others.

    A box is drawn up to ten times until it fits, and else cut to what does. It is scaled bilinearly, over as many
    pixels as become one where it shrinks; its edges need not lie on pixels. Outside training the middle is cut.

    Args:
        size: Height and width of the output, or one number for both; None for the size that comes in.
        scale: Range of the area, as a fraction of the image's, above 0 and at most 1.
        ratio: Range of width / height, drawn evenly in its logarithm.
        center: Side of the middle box outside training, as a fraction of the image's.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Raises:
        ValueError: a number out of its range.

    Cost: (height + width) multiplications per pixel, as two matrix products.

    Example:
        >>> crop = RandomResizedCrop(4, seed=0)
        >>> crop(np.zeros((2, 8, 8, 3), np.uint8)).shape
        (2, 4, 4, 3)

    References:
        Szegedy et al., Going Deeper with Convolutions, 2014, arXiv:1409.4842, section 6; Chen et al., A Simple
        Framework for Contrastive Learning of Visual Representations, 2020, arXiv:2002.05709, appendix A.
    """

    draws = 2 * TRIES + 2

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        *,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        center: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        pair = (size, size) if isinstance(size, int) else size
        self.size = None if pair is None else tuple(check_whole(side, name="size", minimum=1) for side in pair)
        hint = "Areas are fractions of the image's, such as (0.08, 1)."
        self.scale = checked_pair(scale, name="scale", hint=hint, above=0)
        check_number(self.scale[1], name="scale[1]", hint=hint, at_most=1)
        self.ratio = checked_pair(ratio, name="ratio", hint="Width over height, such as (3/4, 4/3).", above=0)
        self.center = check_number(center, name="center", hint="A fraction of the side.", above=0, at_most=1)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return the boxes, scaled."""
        height, width = images.shape[1:3]
        low, high = self.scale
        area = height * width * (low + draws[:, :TRIES] * (high - low))
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = xp.exp(low + draws[:, TRIES : 2 * TRIES] * (high - low))
        widths, heights = xp.sqrt(area * ratio), xp.sqrt(area / ratio)
        fits = xp.where(xp.logical_and(widths <= width, heights <= height), 1.0, 0.0)
        first = xp.argmax(fits, axis=1)[:, None]
        box_width = xp.minimum(xp.take_along_axis(widths, first, axis=1)[:, 0], float(width))
        box_height = xp.minimum(xp.take_along_axis(heights, first, axis=1)[:, 0], float(height))
        top, left = draws[:, -2] * (height - box_height), draws[:, -1] * (width - box_width)
        return self._cut(xp, images, (top, left), (box_height, box_width))

    def resting(self, xp: Any, images: Tensor) -> Tensor:
        """Return the middle, scaled."""
        sides = images.shape[1:3]
        if self.center == 1 and self.size in (None, tuple(sides)):
            return images
        none = images[:, 0, 0, 0] * 0
        boxes = [none + side * self.center for side in sides]
        corners = [none + side * (1 - self.center) / 2 for side in sides]
        return self._cut(xp, images, corners, boxes)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with the output's height and width."""
        return input_shape if self.size is None else (input_shape[0], *self.size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {"size": self.size, "scale": self.scale, "ratio": self.ratio, "center": self.center}
        return {**super().get_config(), **own}

    def _cut(self, xp: Any, images: Tensor, corners: Any, boxes: Any) -> Tensor:
        sides = images.shape[1:3]
        rows, columns = (
            box_weights(xp, corner, box, side, out)
            for corner, box, side, out in zip(corners, boxes, sides, self.size or sides, strict=True)
        )
        return resampled(xp, images, rows, columns)


@register
class HorizontalFlip(ImageTransform):
    """Turns images around left and right, half of them unless told otherwise.

    Args:
        probability: Of an image to be flipped.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Example:
        >>> HorizontalFlip(probability=1.0, value_range=(0, 1))(np.array([[[[0.0], [1.0]]]])).ravel().tolist()
        [1.0, 0.0]
    """

    def __init__(self, *, probability: float = 0.5, **kwargs: Any) -> None:
        super().__init__(probability=probability, **kwargs)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return flipped images."""
        return xp.flip(images, axis=2)
