"""Tuplet margin loss: all negatives against each positive, whose angle is eased by a margin."""

import math
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_log_sum_exp, masked_row_mean, safe_sqrt

__all__ = ["TupletMarginLoss", "tuplet_margin"]

Tensor = Any


def tuplet_margin(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    margin: float = 5.73,
    scale: float = 64.0,
) -> Tensor:
    """Tuplet margin loss, one value per anchor.

    Definition, with θ the angle between two rows:
        L_i = mean_p log(1 + Σ_n exp(scale (cos θ_in − cos(θ_ip − margin))))

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; "cosine" is the only one that this loss is defined for.
        margin: Slack taken off the angles of positives, in degrees, 0 to 90.
        scale: Sharpness, > 0.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `TupletMarginLoss(margin, scale)` gives the same terms. The paper's second
        loss, of the variance between pairs, is not part of it.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in tuplet_margin([0, 0, 1, 1], x)]
        ['7.880', '18.120', '7.880', '18.120']

    References:
        Yu and Tao, Deep Metric Learning with Tuplet Margin Loss, ICCV 2019.
    """
    loss = TupletMarginLoss(distance, margin, scale, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class TupletMarginLoss(MetricLoss):
    """The mean of `tuplet_margin` over the anchors that have a positive and a negative.

    Args:
        distance, margin, scale: See `tuplet_margin`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = TupletMarginLoss(scale=16.0)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '3.357'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        margin: float = 5.73,
        scale: float = 64.0,
        reduction: str | None = "mean",
        name: str | None = "tuplet_margin_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance=check_distance(distance, ("cosine",), why="Its margin is an angle."),
            reduction=reduction,
            name=name,
            **kwargs,
        )
        hint = "Pass degrees; 5.73 is a tenth of a radian."
        self.margin = check_number(margin, name="margin", at_least=0, at_most=90, hint=hint)
        self.scale = check_number(scale, name="scale", above=0, hint="The paper uses 64.")

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the positives of each anchor."""
        margin = math.radians(self.margin)
        # sin θ from cos θ = 1 − d: rounding may take d a little past 2.
        sines = safe_sqrt(distances * (2.0 - distances))
        eased = (1.0 - distances) * math.cos(margin) + sines * math.sin(margin)
        push = masked_log_sum_exp(self.scale * (1.0 - distances), negatives)[:, None]
        return masked_row_mean(ops.softplus(push - self.scale * eased), positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("margin", "scale")
        return super().get_config() | {key: getattr(self, key) for key in keys}
