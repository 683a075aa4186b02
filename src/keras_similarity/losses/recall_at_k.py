"""Recall@k surrogate: sigmoids in place of both comparisons, of ranks and with k."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number, check_whole
from keras_similarity.core.distances import Distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_row_mean, smooth_ranks

__all__ = ["RecallAtKLoss", "recall_at_k"]

Tensor = Any


def recall_at_k(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    k_values: Sequence[int] = (1, 2, 4, 8, 16),
    k_temperature: float = 1.0,
    rank_temperature: float = 0.01,
) -> Tensor:
    """Recall@k surrogate loss, one value per anchor: 1 − a smooth recall@k, averaged over k.

    Definition:
        rank of p = 1 + Σ_{j ≠ i, p} sigmoid((d_ip − d_ij) / rank_temperature)
        L_i = 1 − mean_k mean_p sigmoid((k − rank of p) / k_temperature)

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the cosine.
        k_values: The k of the mean, each ≥ 1.
        k_temperature: Softness of the comparison with k, > 0, in ranks.
        rank_temperature: Softness of the ranks, > 0, in units of the distance.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² (d + largest class)) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning has none. The authors' code also ranks the anchor itself, and saturates at k;
        this follows the paper, so that recall@k stays below 1 where k is below the number of positives.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in recall_at_k([0, 0, 1, 1], x)]
        ['0.271', '0.377', '0.271', '0.377']

    References:
        Patel et al., Recall@k Surrogate Loss with Large Batches and Similarity Mixup, 2021, arXiv:2108.11179.
    """
    loss = RecallAtKLoss(distance, k_values, k_temperature, rank_temperature, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class RecallAtKLoss(MetricLoss):
    """The mean of `recall_at_k` over the anchors that have a positive and a negative.

    Args:
        distance, k_values, k_temperature, rank_temperature: See `recall_at_k`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = RecallAtKLoss(k_values=[1, 2])
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.711'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        k_values: Sequence[int] = (1, 2, 4, 8, 16),
        k_temperature: float = 1.0,
        rank_temperature: float = 0.01,
        reduction: str | None = "mean",
        name: str | None = "recall_at_k_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        self.k_values = [check_whole(k, name="k_values", minimum=1) for k in k_values]
        if not self.k_values:
            raise ValueError("`k_values` needs at least one k: got none.\n  The paper uses (1, 2, 4, 8, 16).")
        hint = "The paper uses 1 for k and 0.01 for ranks."
        self.k_temperature = check_number(k_temperature, name="k_temperature", above=0, hint=hint)
        self.rank_temperature = check_number(rank_temperature, name="rank_temperature", above=0, hint=hint)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return 1 − the smooth recall of each anchor."""
        others = ops.logical_or(positives, negatives)
        ranks = smooth_ranks(distances, positives, others, self.rank_temperature)
        recalls = [ops.sigmoid((k - ranks) / self.k_temperature) for k in self.k_values]
        return 1.0 - masked_row_mean(ops.mean(ops.stack(recalls), axis=0), positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("k_values", "k_temperature", "rank_temperature")
        return super().get_config() | {key: getattr(self, key) for key in keys}
