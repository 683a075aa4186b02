"""Multi-class N-pair loss: each positive against all negatives, by inner products."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_log_sum_exp, masked_row_mean

__all__ = ["NPairsLoss", "n_pairs"]

Tensor = Any


def n_pairs(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "inner_product",
    l2_weight: float = 0.0,
) -> Tensor:
    """Multi-class N-pair loss, one value per anchor.

    Definition, with s = −d, the inner product:
        L_i = mean_p log(1 + Σ_n exp(s_in − s_ip)) + l2_weight · ‖e_i‖²

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the inner product of rows as they are.
        l2_weight: Weight of the squared norm of the anchor's row, ≥ 0.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: `nt_xent` with temperature 1, but for the norm. The paper's batch has two items a class and takes one of
        them as a negative; here every positive and every negative counts, as in pytorch-metric-learning's
        `NTXentLoss(temperature=1)` with `DotProductSimilarity(normalize_embeddings=False)`, not its `NPairsLoss`.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in n_pairs([0, 0, 1, 1], x)]
        ['1.019', '1.296', '1.019', '1.296']

    References:
        Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016: the loss N-pair-mc.
    """
    loss = NPairsLoss(distance, l2_weight, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class NPairsLoss(MetricLoss):
    """The mean of `n_pairs` over the anchors that have a positive and a negative.

    Args:
        distance, l2_weight: See `n_pairs`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = NPairsLoss(l2_weight=0.1)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '1.257'
    """

    def __init__(
        self,
        distance: str | Distance = "inner_product",
        l2_weight: float = 0.0,
        reduction: str | None = "mean",
        name: str | None = "n_pairs_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        self.l2_weight = check_number(l2_weight, name="l2_weight", at_least=0, hint="The paper uses 0.002 at most.")

    def row_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the positives of each anchor, and its squared norm."""
        values = super().row_losses(rows, keys, positives, negatives)
        return values + ops.sum(rows * rows, axis=1) * self.l2_weight if self.l2_weight else values

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the positives of each anchor."""
        push = masked_log_sum_exp(-distances, negatives)[:, None]
        return masked_row_mean(ops.softplus(push + distances), positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"l2_weight": self.l2_weight}
