"""Generalised lifted structure loss: all positives of an anchor against all its negatives."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_margin
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import split_log_sum_exp

__all__ = ["LiftedStructLoss", "lifted_struct"]

Tensor = Any


def lifted_struct(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "euclidean",
    negative_margin: float = 1.0,
    positive_margin: float = 0.0,
) -> Tensor:
    """Generalised lifted structure loss, one value per anchor.

    Definition:
        L_i = max(0, log Σ_p exp(d_ip − positive_margin) + log Σ_n exp(negative_margin − d_in))

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; sets the unit of the margins.
        negative_margin: The distance that negatives should exceed.
        positive_margin: The distance that positives may have; 0 in the paper.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `GeneralizedLiftedStructureLoss(neg_margin, pos_margin)` with
        `LpDistance(normalize_embeddings=False)`. Its `LiftedStructureLoss` is the older form, by pairs.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in lifted_struct([0, 0, 1, 1], x)]
        ['1.639', '2.145', '1.639', '2.145']

    References:
        Hermans et al., In Defense of the Triplet Loss for Person Re-Identification, 2017, arXiv:1703.07737: the
        generalised lifted loss, after Oh Song et al., arXiv:1511.06452.
    """
    loss = LiftedStructLoss(distance, negative_margin, positive_margin, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class LiftedStructLoss(MetricLoss):
    """The mean of `lifted_struct` over the anchors that have a positive and a negative.

    Args:
        distance, negative_margin, positive_margin: See `lifted_struct`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = LiftedStructLoss(negative_margin=0.5)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '1.392'
    """

    def __init__(
        self,
        distance: str | Distance = "euclidean",
        negative_margin: float = 1.0,
        positive_margin: float = 0.0,
        reduction: str | None = "mean",
        name: str | None = "lifted_struct_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        hint = "Pass a distance: 1 and 0 are the usual ones."
        self.negative_margin = check_margin(negative_margin, self.distance, name="negative_margin", hint=hint)
        self.positive_margin = check_margin(positive_margin, self.distance, name="positive_margin", hint=hint)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from all its pairs."""
        logits = ops.where(positives, distances - self.positive_margin, self.negative_margin - distances)
        pull, push = split_log_sum_exp(logits, positives, negatives)
        return ops.relu(pull + push)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("negative_margin", "positive_margin")
        return super().get_config() | {key: getattr(self, key) for key in keys}
