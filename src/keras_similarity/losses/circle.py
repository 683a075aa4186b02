"""Circle loss: every similarity is weighed by how far it is from its optimum."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import split_log_sum_exp

__all__ = ["CircleLoss", "circle"]

Tensor = Any


def circle(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:
    """Circle loss, one value per anchor.

    Definition, with s the cosine, γ the sharpness and m the margin:
        L_i = log(1 + Σ_n exp(γ a_n (s_in − m)) · Σ_p exp(−γ a_p (s_ip − 1 + m)))
        a_p = max(0, 1 + m − s_ip) and a_n = max(0, s_in + m) carry no gradient.

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; "cosine" is the only one that this loss is defined for.
        gamma: γ, the sharpness, > 0.
        margin: m, the relaxation, ≥ 0: positives should exceed 1 − m, negatives stay below m.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `CircleLoss(m=margin, gamma=gamma)` gives the same numbers; its mean also
        counts anchors without a pair.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in circle([0, 0, 1, 1], x)]
        ['38.400', '60.928', '38.400', '60.928']

    References:
        Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, 2020, arXiv:2002.10857: (6).
    """
    loss = CircleLoss(distance, gamma, margin, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class CircleLoss(MetricLoss):
    """The mean of `circle` over the anchors that have a positive and a negative.

    Args:
        distance, gamma, margin: See `circle`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = CircleLoss(margin=0.25)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '65.264'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        gamma: float = 80.0,
        margin: float = 0.4,
        reduction: str | None = "mean",
        name: str | None = "circle_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance=check_distance(distance, ("cosine",), why="Its optima, 1 and 0, are cosines."),
            reduction=reduction,
            name=name,
            **kwargs,
        )
        self.gamma = check_number(gamma, name="gamma", above=0, hint="The paper uses 80 to 256.")
        self.margin = check_number(margin, name="margin", at_least=0, hint="The paper uses 0.25 to 0.4.")

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from all its pairs."""
        # With s = 1 − d, the positives' part is (m + d)(d − m), where m + d is never below 0.
        margin = self.margin
        weights = ops.where(positives, distances + margin, ops.relu(1.0 + margin - distances))
        excess = ops.where(positives, distances - margin, (1.0 - margin) - distances)
        pull, push = split_log_sum_exp(ops.stop_gradient(weights) * excess * self.gamma, positives, negatives)
        return ops.softplus(pull + push)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("gamma", "margin")
        return super().get_config() | {key: getattr(self, key) for key in keys}
