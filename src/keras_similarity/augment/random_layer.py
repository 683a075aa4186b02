"""What every augmentation shares: it is a layer in a model, and a seeded function on arrays in a sampler.

Both run one definition: `augmented(xp, images, draws)`, where `xp` is NumPy or `keras.ops` and `draws` are uniform
numbers, a row per image. So a sampler's workers need no framework, and each image has its own randomness.
"""

import zlib
from collections import OrderedDict
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_similarity.core.checks import check_whole
from keras_similarity.core.value_range import check_value_range

__all__ = ["RandomLayer"]

Tensor = Any
REMEMBERED = 4096  # batches of which it is known how often they came


class RandomLayer(keras.layers.Layer):
    """A layer that changes images at random; see `Augmenter` for what its calls take and return.

    Args:
        value_range: The least and the greatest value of a pixel, coming in and going out.
        seed: Of everything random; None draws one.
        **kwargs: `name` and `dtype`.
    """

    def __init__(self, *, value_range: tuple[float, float] = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.value_range = check_value_range(value_range)
        self.seed = (
            int(np.random.SeedSequence().generate_state(1)[0] >> 1)
            if seed is None
            else check_whole(seed, name="seed", minimum=0)
        )
        self.generator = keras.random.SeedGenerator(self.seed)
        self._seen = _Seen()

    def count_draws(self) -> int:
        """Return how many uniform numbers an image needs."""
        raise NotImplementedError

    def augmented(self, xp: Any, images: Tensor, draws: Tensor) -> Any:
        """Return what becomes of images `(b, h, w, c)` of 0–1, float32, by uniform numbers `(b, count_draws())`."""
        raise NotImplementedError

    def resting(self, xp: Any, images: Tensor) -> Any:
        """Return what becomes of images outside training."""
        return images

    def __call__(self, images: Any, training: bool | None = None, *, seed: Any = None, **kwargs: Any) -> Any:
        """Augment an array, returning arrays; or be a layer on a tensor."""
        if not isinstance(images, np.ndarray):
            return super().__call__(images, training=training, **kwargs)
        self._check_shape(images.shape)
        scaled = self._scaled(images.astype(np.float32))
        if training is False:
            return self._unscaled(self.resting(np, scaled))
        if seed is None:
            content = zlib.crc32(np.ascontiguousarray(images).data)
            seed = (content, self._seen.count(content))
        entropy = [self.seed, *(int(part) % 2**63 for part in np.ravel(seed))]
        draws = np.random.default_rng(entropy).random((len(images), self.count_draws()), np.float32)
        return self._unscaled(self.augmented(np, scaled, draws))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that images come in; there is nothing to create."""
        self._check_shape(input_shape)

    def call(self, inputs: Tensor, training: bool = True) -> Any:
        """Return float32 images in the range of those that came in; unchanged but for their size outside training."""
        images = self._scaled(ops.cast(inputs, "float32"))
        if not training:
            return self._unscaled(self.resting(ops, images))
        shape = (ops.shape(images)[0], self.count_draws())
        return self._unscaled(self.augmented(ops, images, keras.random.uniform(shape, seed=self.generator)))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "value_range": list(self.value_range), "seed": self.seed}

    def _check_shape(self, shape: Any) -> None:
        if len(shape) != 4 or None in tuple(shape[1:]) or shape[3] not in (1, 3):
            raise ValueError(
                f"images need shape (b, h, w, c), of a fixed size and 1 or 3 channels: got {tuple(shape)}.\n"
                "  One image is image[None]; resize images of different sizes first."
            )

    def _scaled(self, images: Tensor) -> Tensor:
        low, high = self.value_range
        return (images - low) * (1 / (high - low))

    def _unscaled(self, images: Any) -> Any:
        if isinstance(images, tuple):
            return tuple(self._unscaled(view) for view in images)
        low, high = self.value_range
        return images * (high - low) + low


class _Seen:
    """How often a batch came before, for the latest batches: one that comes again is augmented otherwise."""

    def __init__(self) -> None:
        self._counts: OrderedDict[int, int] = OrderedDict()

    def count(self, content: int) -> int:
        times = self._counts.pop(content, 0)
        self._counts[content] = times + 1
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return times
