"""Soft nearest neighbour loss: the chance to pick a positive among the neighbours, near ones first."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.temperature import TemperatureLoss
from keras_similarity.ops import split_log_sum_exp

__all__ = ["SoftNearestNeighborLoss", "soft_nearest_neighbor"]

Tensor = Any


def soft_nearest_neighbor(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "squared_euclidean",
    temperature: float = 1.0,
) -> Tensor:
    """Soft nearest neighbour loss, one value per anchor.

    Definition:
        L_i = −log(Σ_p exp(−d_ip / T) / Σ_{k ≠ i} exp(−d_ik / T)),        k over positives and negatives

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the squared Euclidean one of rows as they are.
        temperature: T, > 0, in units of the distance.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: `nca` with scale = 1 / temperature. pytorch-metric-learning: `NCALoss(softmax_scale=1 / temperature)`
        with `LpDistance(normalize_embeddings=False, power=2)`.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in soft_nearest_neighbor([0, 0, 1, 1], x)]
        ['1.027', '1.514', '1.027', '1.514']

    References:
        Frosst et al., Analyzing and Improving Representations with the Soft Nearest Neighbor Loss, 2019,
        arXiv:1902.01889: (1).
    """
    loss = SoftNearestNeighborLoss(distance, temperature, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class SoftNearestNeighborLoss(TemperatureLoss):
    """The mean of `soft_nearest_neighbor` over the anchors that have a positive and a negative.

    Args:
        distance, temperature: See `soft_nearest_neighbor`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = SoftNearestNeighborLoss(temperature=0.5)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '1.603'
    """

    def __init__(
        self,
        distance: str | Distance = "squared_euclidean",
        temperature: float = 1.0,
        reduction: str | None = "mean",
        name: str | None = "soft_nearest_neighbor_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance, temperature, reduction=reduction, name=name, **kwargs)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from all its pairs."""
        pull, push = split_log_sum_exp(self.logits(distances), positives, negatives, self.logit_bound)
        return ops.softplus(push - pull)
