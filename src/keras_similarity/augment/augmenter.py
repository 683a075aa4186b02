"""Several changes behind one another, for each of the views of an image."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_similarity.augment.random_layer import RandomLayer
from keras_similarity.augment.transform import ImageTransform, register

__all__ = ["Augmenter"]

Tensor = Any


@register
class Augmenter(RandomLayer):
    """Makes one view or more of each image, each by its own list of changes.

    Two ways to use one:

    - in a sampler, `augmenter=`, or anywhere as a function on arrays: `augmenter(images)`. It works in NumPy, so in any
      worker thread or process. The draws follow from `seed` and the batch itself, so they do not depend on how many
      workers there are; the same batch again is changed otherwise. `augmenter(images, seed=5)` says which draws.
    - as a layer of a model: it changes tensors in training alone, on every backend.

    Args:
        views: For each view, its changes in their order; see `RandomResizedCrop`, `ColorJitter` and the others. Their
            own `value_range` and `seed` do not count here.
        value_range: The least and the greatest value of a pixel, (0, 1) for scaled images.
        seed: Of everything random; None draws one, kept as the attribute `seed`.
        **kwargs: `name` and `dtype`.

    Takes images `(b, h, w, c)` of 1 or 3 channels, of any type. Returns float32 in the same range: `(b, h, w, c)` for
    one view, a tuple of such for several. Each image has its own randomness.

    Raises:
        ValueError: no view, or images of another shape.

    Example:
        >>> from keras_similarity.augment import GaussianBlur, HorizontalFlip
        >>> augmenter = Augmenter([[HorizontalFlip()], [HorizontalFlip(), GaussianBlur()]], seed=0)
        >>> first, second = augmenter(np.zeros((5, 8, 8, 3), np.uint8))
        >>> first.shape, second.shape
        ((5, 8, 8, 3), (5, 8, 8, 3))
    """

    def __init__(self, views: Sequence[Sequence[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not views or not all(isinstance(view, list | tuple) for view in views):
            raise ValueError(
                f"`views` needs a list of changes for each view: got {views!r:.80}.\n"
                "  Write [[HorizontalFlip()]] for one view of one change."
            )
        self.views = [[_revived(change) for change in view] for view in views]

    def count_draws(self) -> int:
        """Return how many uniform numbers an image needs."""
        return sum(change.count_draws() for view in self.views for change in view)

    def augmented(self, xp: Any, images: Tensor, draws: Tensor) -> Any:
        """Return the views."""
        used, views = 0, []
        for changes in self.views:
            view = images
            for change in changes:
                count = change.count_draws()
                view = change.augmented(xp, view, draws[:, used : used + count])
                used += count
            views.append(xp.clip(view, 0.0, 1.0))
        return views[0] if len(views) == 1 else tuple(views)

    def resting(self, xp: Any, images: Tensor) -> Any:
        """Return the views as they are outside training: of their size, and not changed otherwise."""
        views = []
        for changes in self.views:
            view = images
            for change in changes:
                view = change.resting(xp, view)
            views.append(view)
        return views[0] if len(views) == 1 else tuple(views)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the shape of the view, or a tuple of shapes."""
        shapes = []
        for changes in self.views:
            shape = input_shape
            for change in changes:
                shape = change.compute_output_shape(shape)
            shapes.append(shape)
        return shapes[0] if len(shapes) == 1 else tuple(shapes)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        views = [[keras.saving.serialize_keras_object(change) for change in view] for view in self.views]
        return {**super().get_config(), "views": views}


def _revived(change: Any) -> ImageTransform:
    if isinstance(change, dict):
        change = keras.saving.deserialize_keras_object(change)
    if not isinstance(change, ImageTransform):
        raise TypeError(
            f"a view is made of `keras_similarity.augment` changes: got {type(change).__name__}.\n"
            "  A plain function is an augmenter by itself: pass it to the sampler, MultiShotMemorySampler(augmenter=f)."
        )
    return change
