"""Blur, of another strength for each image."""

from typing import Any

from keras_similarity.augment.resampling import blur_weights, resampled
from keras_similarity.augment.transform import ImageTransform, checked_pair, register
from keras_similarity.core.checks import check_number

__all__ = ["GaussianBlur"]

Tensor = Any


@register
class GaussianBlur(ImageTransform):
    """Blurs each image by a Gaussian of its own width; at the edge, over the pixels that there are.

    Args:
        sigma: Range of the standard deviation, in pixels, above 0.
        kernel: Width of the kernel as a fraction of the image's side; at least 3 pixels are used.
        probability: Of an image to be blurred.
        **kwargs: `value_range`, `seed`, `name` and `dtype`.

    Raises:
        ValueError: a number out of its range.

    Cost: (height + width) multiplications per pixel, as two matrix products.

    Example:
        >>> blurred = GaussianBlur(probability=1.0, seed=0)(np.eye(3)[None, :, :, None] * 255.0)
        >>> bool(blurred[0, 0, 0, 0] < 255)
        True

    References:
        Chen et al., 2020, arXiv:2002.05709, appendix A: a kernel of a tenth of the side, sigma from 0.1 to 2.
    """

    draws = 1

    def __init__(
        self,
        *,
        sigma: tuple[float, float] = (0.1, 2.0),
        kernel: float = 0.1,
        probability: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(probability=probability, **kwargs)
        self.sigma = checked_pair(sigma, name="sigma", hint="A range in pixels, such as (0.1, 2).", above=0)
        self.kernel = check_number(kernel, name="kernel", hint="A fraction of the side.", above=0, at_most=1)

    def change(self, xp: Any, images: Tensor, draws: Tensor) -> Tensor:
        """Return blurred images."""
        low, high = self.sigma
        sigma = low + draws[:, 0] * (high - low)
        rows, columns = (
            blur_weights(xp, sigma, side, max(1, int(self.kernel * side / 2))) for side in images.shape[1:3]
        )
        return resampled(xp, images, rows, columns)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "sigma": self.sigma, "kernel": self.kernel}
