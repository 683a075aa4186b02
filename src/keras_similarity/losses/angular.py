"""Angular loss: the angle at the negative of each triplet must stay small."""

import math
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_row_mean, pairwise_distances

__all__ = ["AngularLoss", "angular"]

Tensor = Any
MAX_DEGREES = 65.0  # beyond, exp of −4 tan²α times a distance of up to 2 leaves the range of float32
TINY = 1e-37


def angular(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    alpha: float = 40.0,
) -> Tensor:
    """Angular loss in its N-pair form, one value per anchor.

    Definition, with x unit rows:
        f_apn = 4 tan²α (x_a + x_p)·x_n − 2 (1 + tan²α) x_a·x_p
        L_a = mean_p log(1 + Σ_n exp(f_apn))

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; "cosine" is the only one that this loss is defined for.
        alpha: α in degrees, above 0 and at most 65: the largest angle allowed at the negative.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b³) time, that of one b×b×b matrix product, and a few (b, b) matrices.

    Relations: pytorch-metric-learning's `AngularLoss(alpha)` gives the same numbers for rows of unit length; for others
        it leaves the negatives as they are, where this normalises all three.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in angular([0, 0, 1, 1], x)]
        ['3.026', '3.026', '3.026', '3.026']

    References:
        Wang et al., Deep Metric Learning with Angular Loss, 2017, arXiv:1708.01682: (8).
    """
    loss = AngularLoss(distance, alpha, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class AngularLoss(MetricLoss):
    """The mean of `angular` over the anchors that have a positive and a negative.

    Args:
        distance, alpha: See `angular`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = AngularLoss(alpha=45.0)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '4.671'
    """

    only_distances = True

    def __init__(
        self,
        distance: str | Distance = "cosine",
        alpha: float = 40.0,
        reduction: str | None = "mean",
        name: str | None = "angular_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance=check_distance(distance, ("cosine",), why="Its angles are between rows of unit length."),
            reduction=reduction,
            name=name,
            **kwargs,
        )
        hint = "Pass degrees; the paper uses 36 to 55."
        self.alpha = check_number(alpha, name="alpha", above=0, at_most=MAX_DEGREES, hint=hint)

    def compares_keys(self) -> bool:
        """It does: a positive is one point of a triangle."""
        return True

    def row_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the positives of each anchor."""
        tan2 = math.tan(math.radians(self.alpha)) ** 2
        distances = pairwise_distances(rows, keys, self.distance)
        between_keys = distances if rows is keys else pairwise_distances(keys, keys, self.distance)
        # Σ_n exp(c (s_an − 1)) exp(c (s_pn − 1)) is one product of two matrices.
        own = ops.where(negatives, ops.exp(-4.0 * tan2 * distances), 0.0)
        sums = ops.matmul(own, ops.transpose(ops.exp(-4.0 * tan2 * between_keys)))
        logits = ops.log(ops.maximum(sums, TINY)) + 8.0 * tan2 - 2.0 * (1.0 + tan2) * (1.0 - distances)
        return masked_row_mean(ops.softplus(logits), positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"alpha": self.alpha}
