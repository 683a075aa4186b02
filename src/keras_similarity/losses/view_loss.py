"""What the losses of self-supervised training share: two views of the same items, row by row, and no labels."""

from typing import Any

import keras
from keras import ops

from keras_similarity.ops import as_wide_float, replica_share, whole_batch

__all__ = ["ViewLoss", "check_views"]

Tensor = Any


class ViewLoss(keras.losses.Loss):
    """A loss that compares one view of each item with another; subclasses give `compare`.

    Called as `loss(first, second)`: embeddings `(b, d)` whose rows at the same place are of the same item. Compile it
    in a `ContrastiveModel`, which makes the views' embeddings and compares each pair of views.

    All arithmetic is float32 or wider. In a training of several replicas the batch is that of all of them.

    Args:
        name: Name in logs.

    Example:
        >>> class Agreement(ViewLoss):
        ...     def compare(self, first, second):
        ...         return ops.mean(ops.square(first - second))
        >>> float(Agreement()(np.zeros((2, 3)), np.full((2, 3), 2.0)))
        4.0
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss, a scalar, of two float tensors `(b, d)`, float32 or wider."""
        raise NotImplementedError(f"{type(self).__name__} needs `compare`.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of two views."""
        return self.compare(y_true, y_pred)

    def __call__(self, first: Tensor, second: Tensor, sample_weight: Any = None) -> Tensor:
        """Return the loss of two views, a scalar.

        Raises:
            ValueError: views of other shapes than `(b, d)`, or of two shapes; or weights, which the statistics of a
                batch have no place for.
        """
        if sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__} takes no `sample_weight`: it compares statistics of the whole batch.\n"
                "  Leave out the rows that should not count."
            )
        with keras.name_scope(self.name):
            first, second = as_wide_float(first), as_wide_float(second)
            check_views(first, second)
            width = first.shape[1]
            both = ops.concatenate([first, second], axis=1)
            _, both, _ = whole_batch(ops.zeros(ops.shape(both)[:1], "int32"), both)
            return replica_share(self.call(both[:, :width], both[:, width:]))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"name": self.name}


def check_views(first: Tensor, second: Tensor) -> None:
    """Raise a ValueError unless both views have the same shape `(b, d)`, as far as it is known."""
    shapes = tuple(first.shape), tuple(second.shape)
    alike = all(None in sizes or sizes[0] == sizes[1] for sizes in zip(*shapes, strict=False))
    if len(shapes[0]) != 2 or len(shapes[1]) != 2 or not alike:
        raise ValueError(
            f"two views need the same shape (b, d): got {shapes[0]} and {shapes[1]}.\n"
            "  Pass the projections of both views of the same items."
        )
