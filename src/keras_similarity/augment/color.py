"""Colours: jitter, grey, solarisation. An image of one channel has brightness and contrast alone."""

from typing import Any

from keras_similarity.augment.transform import ImageTransform, per_image, register
from keras_similarity.core.checks import check_number

__all__ = ["ColorJitter", "Grayscale", "Solarize", "blended", "grey_of"]

Tensor = Any
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601


def grey_of(images: Tensor) -> Tensor:
    """Return the brightness of each place, `(b, h, w, 1)`."""
    if images.shape[3] == 1:
        return images
    return sum(weight * images[..., channel, None] for channel, weight in enumerate(LUMA))


def blended(xp: Any, images: Tensor, reference: Tensor, factor: Tensor) -> Tensor:
    """Return factor × images + (1 − factor) × reference within 0–1, by a factor `(b,)` per image."""
    factor = per_image(factor)
    return xp.clip(factor * images + (1 - factor) * reference, 0.0, 1.0)


@register
class ColorJitter(ImageTransform):
    """Changes brightness, contrast, saturation and hue of each image, by factors of its own.

    Brightness, contrast and saturation come in a random order, which is drawn for each image; hue comes last.

    Args:
        brightness, contrast, saturation: x ≥ 0 for a factor from max(0, 1 − x) to 1 + x; 0 for none.
        hue: x from 0 to 0.5, for a turn of −x to x around the circle of colours.
        probability: Of an image to be changed.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> jitter = ColorJitter(brightness=0.4, hue=0.1, seed=0)
        >>> images = jitter(np.full((2, 4, 4, 3), 100, np.uint8))
        >>> images.shape, bool((images[0] != images[1]).any())
        ((2, 4, 4, 3), True)

    References:
        Chen et al., 2020, arXiv:2002.05709, appendix A.
    """

    draws = 7

    def __init__(
        self,
        *,
        brightness: float = 0.8,
        contrast: float = 0.8,
        saturation: float = 0.8,
        hue: float = 0.2,
        probability: float = 0.8,
        **kwargs: Any,
    ) -> None:
        super().__init__(probability=probability, **kwargs)
        hint = "0 leaves it as it is."
        self.brightness = check_number(brightness, name="brightness", hint=hint, at_least=0)
        self.contrast = check_number(contrast, name="contrast", hint=hint, at_least=0)
        self.saturation = check_number(saturation, name="saturation", hint=hint, at_least=0)
        self.hue = check_number(hue, name="hue", hint=hint, at_least=0, at_most=0.5)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return images of other colours."""
        factors = []
        for column, strength in enumerate((self.brightness, self.contrast, self.saturation)):
            low = max(0.0, 1 - strength)
            factors.append(low + draws[:, column] * (1 + strength - low))
        order = xp.argsort(draws[:, 3:6], axis=1)
        ordered = xp.take_along_axis(xp.stack(factors, axis=1), order, axis=1)
        for position in range(3):
            which, grey = per_image(order[:, position]), grey_of(images)
            mean = xp.mean(grey, axis=(1, 2, 3), keepdims=True)
            reference = xp.where(which == 0, 0.0, xp.where(which == 1, mean, grey))
            images = blended(xp, images, reference, ordered[:, position])
        if self.hue == 0 or images.shape[3] == 1:
            return images
        return _turned(xp, images, (2 * draws[:, 6] - 1) * self.hue)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("brightness", "contrast", "saturation", "hue")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


@register
class Grayscale(ImageTransform):
    """Takes the colours away, one image in five unless told otherwise; the channels stay.

    Args:
        probability: Of an image to become grey.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Example:
        >>> Grayscale(probability=1.0)(np.array([[[[200, 0, 0]]]], np.uint8)).round().ravel().tolist()
        [60.0, 60.0, 60.0]
    """

    def __init__(self, *, probability: float = 0.2, **kwargs: Any) -> None:
        super().__init__(probability=probability, **kwargs)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return grey images."""
        return grey_of(images) + images * 0


@register
class Solarize(ImageTransform):
    """Inverts what is bright: values from the threshold on become the range's end minus them.

    Args:
        threshold: As a fraction of the value range, from 0, which inverts all, to 1; 0.5 is 128 of 255.
        probability: Of an image to be changed.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> Solarize(probability=1.0, value_range=(0, 1))(np.array([[[[0.25], [0.75]]]])).ravel().tolist()
        [0.25, 0.25]

    References:
        Grill et al., Bootstrap Your Own Latent, 2020, arXiv:2006.07733, appendix B.
    """

    def __init__(self, *, threshold: float = 0.5, probability: float = 0.2, **kwargs: Any) -> None:
        super().__init__(probability=probability, **kwargs)
        hint = "A fraction of the value range: 0.5 is 128 of 255."
        self.threshold = check_number(threshold, name="threshold", hint=hint, at_least=0, at_most=1)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return solarised images."""
        return xp.where(images < self.threshold, images, 1 - images)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "threshold": self.threshold}


def _turned(xp: Any, images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by a fraction of the circle per image: to hue, saturation and value, and back."""
    red, green, blue = (images[..., channel] for channel in range(3))
    value = xp.max(images, axis=-1)
    chroma = value - xp.min(images, axis=-1)
    safe = xp.where(chroma > 0, chroma, 1.0)
    sixths = xp.where(
        value == red,
        (green - blue) / safe,
        xp.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = sixths + 6 * turn[:, None, None]
    channels = []
    for offset in (5, 3, 1):
        place = xp.mod(offset + sixths, 6.0)
        channels.append(value - chroma * xp.clip(xp.minimum(place, 4 - place), 0.0, 1.0))
    return xp.stack(channels, axis=-1)
