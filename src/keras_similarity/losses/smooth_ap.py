"""Smooth-AP: average precision with sigmoids in place of comparisons."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_row_mean, smooth_ranks

__all__ = ["SmoothAPLoss", "smooth_ap"]

Tensor = Any


def smooth_ap(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    temperature: float = 0.01,
) -> Tensor:
    """Smooth-AP loss, one value per anchor: 1 − a smooth average precision.

    Definition:
        rank of p among S = 1 + Σ_{j in S, j ≠ p} sigmoid((d_ip − d_ij) / τ)
        L_i = 1 − mean_p (rank of p among the positives / rank of p among positives and negatives)

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the cosine.
        temperature: τ, > 0, in units of the distance.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² (d + largest class)) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `SmoothAPLoss(temperature)`, like the authors' code, ranks the anchor itself as
        a positive, which the paper's retrieval set does not contain; this follows the paper.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in smooth_ap([0, 0, 1, 1], x)]
        ['0.500', '0.667', '0.500', '0.667']

    References:
        Brown et al., Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval, 2020, arXiv:2007.12163.
    """
    loss = SmoothAPLoss(distance, temperature, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class SmoothAPLoss(MetricLoss):
    """The mean of `smooth_ap` over the anchors that have a positive and a negative.

    Args:
        distance, temperature: See `smooth_ap`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = SmoothAPLoss(temperature=0.1)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.559'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        temperature: float = 0.01,
        reduction: str | None = "mean",
        name: str | None = "smooth_ap_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        self.temperature = check_number(temperature, name="temperature", above=0, hint="The paper uses 0.01.")

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return 1 − the smooth average precision of each anchor."""
        among_all = smooth_ranks(distances, positives, ops.logical_or(positives, negatives), self.temperature)
        among_positives = smooth_ranks(distances, positives, positives, self.temperature)
        return 1.0 - masked_row_mean(among_positives / among_all, positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"temperature": self.temperature}
