"""SimSiam: the prediction from one view should point where the other view's projection points."""

from typing import Any

import keras
from keras import ops

from keras_similarity.losses.view_loss import ViewLoss, check_views
from keras_similarity.ops import as_wide_float, unit_rows

__all__ = ["SimSiamLoss", "simsiam"]

Tensor = Any


def simsiam(projections: Tensor, predictions: Tensor) -> Tensor:
    """The negative cosine between one view's projection and what is predicted from the other, one value per item.

    Definition, with sg for a stopped gradient:
        L_i = −⟨sg(z_i) / ‖z_i‖, p_i / ‖p_i‖⟩

    Args:
        projections: z of one view `(b, d)`, any norm; no gradient reaches it.
        predictions: p of the other view `(b, d)`, any norm.

    Returns:
        `(b,)`, float32 or wider, in [−1, 1]; 0 where a row is 0.

    Raises:
        ValueError: views of two shapes, or not of shape `(b, d)`.

    Cost: O(b d).

    Example:
        >>> [round(float(value), 3) for value in simsiam(np.array([[2.0, 0.0]]), np.array([[3.0, 4.0]]))]
        [-0.6]

    References:
        Chen and He, Exploring Simple Siamese Representation Learning, 2020, arXiv:2011.10566: (1), (3) and (4).
    """
    projections, predictions = as_wide_float(projections), as_wide_float(predictions)
    check_views(projections, predictions)
    return -ops.sum(unit_rows(ops.stop_gradient(projections)) * unit_rows(predictions), axis=1)


@keras.saving.register_keras_serializable(package="keras_similarity")
class SimSiamLoss(ViewLoss):
    """The mean of `simsiam` over the items of a batch.

    The paper's loss is the mean over both orders of the views, which `ContrastiveModel` takes. What keeps it from
    collapsing is the stopped gradient together with a `PredictionHead`.

    Args:
        name: See `ViewLoss`.

    Example:
        >>> f"{float(SimSiamLoss()(np.eye(2), np.array([[1.0, 0.0], [1.0, 0.0]]))):.2f}"
        '-0.50'
    """

    def __init__(self, name: str | None = "simsiam_loss") -> None:
        super().__init__(name=name)

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the mean over the items."""
        return ops.mean(simsiam(first, second))
