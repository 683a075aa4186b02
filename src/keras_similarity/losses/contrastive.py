"""Contrastive loss: positives within one margin, negatives beyond another."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_margin
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_row_mean

__all__ = ["ContrastiveLoss", "contrastive"]

Tensor = Any


def contrastive(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "euclidean",
    positive_margin: float = 0.0,
    negative_margin: float = 1.0,
) -> Tensor:
    """Contrastive loss, one value per anchor.

    Definition:
        L_i = mean_p max(0, d_ip − positive_margin) + mean_n max(0, negative_margin − d_in)

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; sets the unit of the margins.
        positive_margin: The distance that positives may have for nothing.
        negative_margin: The distance from which on negatives cost nothing.

    Returns:
        `(b,)`, float32 or wider. Unlike in other losses, each part needs one kind of pair only: an anchor without a
        positive has the second part alone, one without a negative the first, one without either exactly 0.

    Raises:
        ValueError: wrong shapes, an unknown distance, or a margin that is no number.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `ContrastiveLoss(positive_margin, negative_margin)` with
        `LpDistance(normalize_embeddings=False)` and `PerAnchorReducer`. The paper squares and halves each term.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in contrastive([0, 0, 1, 1], x)]
        ['1.078', '1.437', '1.078', '1.437']

    References:
        Hadsell et al., Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006: (4), without its squares.
    """
    loss = ContrastiveLoss(distance, positive_margin, negative_margin, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class ContrastiveLoss(MetricLoss):
    """The mean of `contrastive` over the anchors that have a positive or a negative.

    Args:
        distance, positive_margin, negative_margin: See `contrastive`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = ContrastiveLoss(negative_margin=0.5)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.949'
    """

    def __init__(
        self,
        distance: str | Distance = "euclidean",
        positive_margin: float = 0.0,
        negative_margin: float = 1.0,
        reduction: str | None = "mean",
        name: str | None = "contrastive_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        hint = "Pass a distance: 0 and 1 are the usual ones."
        self.positive_margin = check_margin(positive_margin, self.distance, name="positive_margin", hint=hint)
        self.negative_margin = check_margin(negative_margin, self.distance, name="negative_margin", hint=hint)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the positives plus the mean over the negatives of each anchor."""
        pull = masked_row_mean(ops.relu(distances - self.positive_margin), positives)
        return pull + masked_row_mean(ops.relu(self.negative_margin - distances), negatives)

    def contributes(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return which anchors have a pair of either kind."""
        return ops.logical_or(positives > 0, negatives > 0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("positive_margin", "negative_margin")
        return super().get_config() | {key: getattr(self, key) for key in keys}
