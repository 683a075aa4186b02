"""One random change of an image, applied with a probability."""

from typing import Any

import keras

from keras_similarity.augment.random_layer import RandomLayer
from keras_similarity.core.checks import check_number

__all__ = ["ImageTransform", "checked_pair", "per_image", "register"]

Tensor = Any


class ImageTransform(RandomLayer):
    """One random change; subclasses write `change`, on images of 0–1, and say in `draws` how many numbers it needs.

    Args:
        probability: Of the change, for each image by itself, in [0, 1].
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Raises:
        ValueError: a probability outside [0, 1], or a value range that is none.

    Example:
        >>> class Invert(ImageTransform):
        ...     def change(self, xp, images, draws):
        ...         return 1 - images
        >>> Invert()(np.array([[[[0], [255]]]], np.uint8)).ravel().tolist()
        [255.0, 0.0]
    """

    draws = 0

    def __init__(self, *, probability: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        hint = "0 leaves all images alone, 1 none."
        self.probability = check_number(probability, name="probability", hint=hint, at_least=0, at_most=1)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return changed images, by uniform numbers `(b, draws)`."""
        raise NotImplementedError

    def count_draws(self) -> int:
        """Return how many uniform numbers an image needs."""
        return 1 + self.draws

    def augmented(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return images, each changed with the probability."""
        changed = self.change(xp, images, draws[:, 1:])
        if self.probability == 1:
            return changed
        return xp.where(per_image(draws[:, 0] < self.probability), changed, self.resting(xp, images))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape that came in."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "probability": self.probability}


def per_image(values: Tensor) -> Tensor:
    """Return one value per image `(b,)` in the shape of images, `(b, 1, 1, 1)`."""
    return values[:, None, None, None]


def checked_pair(value: Any, *, name: str, hint: str, above: float) -> tuple[float, float]:
    """Return a range as two floats, each above a limit, the first not above the second; or raise a ValueError."""
    pair = value if isinstance(value, list | tuple) and len(value) == 2 else (None, None)
    low = check_number(pair[0], name=f"{name}[0]", hint=hint, above=above)
    return low, check_number(pair[1], name=f"{name}[1]", hint=hint, at_least=low)


register = keras.saving.register_keras_serializable(package="keras_similarity")
