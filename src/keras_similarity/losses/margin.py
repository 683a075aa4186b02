"""Margin loss: one boundary between the distances of positives and of negatives."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_distance, check_number_or_none
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.losses.sphere import draw_logits
from keras_similarity.ops import masked_log_sum_exp, masked_row_sum, pairwise_distances, unit_rows

__all__ = ["MarginLoss", "margin"]

Tensor = Any


def margin(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "euclidean",
    beta: float = 1.2,
    alpha: float = 0.2,
    cutoff: float | None = 0.5,
) -> Tensor:
    """Margin loss with distance-weighted negatives, one value per anchor.

    Definition, with d the Euclidean distance of unit rows:
        l_ip = max(0, α + d_ip − β)        l_in = max(0, α + β − d_in)
        L_i = (Σ_p l_ip + Σ_n c_in l_in) / (number of p with l_ip > 0 + Σ of c_in over n with l_in > 0),   0 for 0 / 0
        c_in = |P_i| w_in is how often n is expected when each positive draws one negative with chances
            w_in ∝ min(1 / q(cutoff), 1 / q(d_in)),  q(d) = d^(k−2) (1 − d²/4)^((k−3)/2)  in k dimensions,
            or c_in = 1 for cutoff None. c carries no gradient.

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: "euclidean", of rows brought to unit length: what the chances are derived for.
        beta: β, the boundary, in [0, 2].
        alpha: α, how far from the boundary pairs should be, ≥ 0.
        cutoff: Negatives nearer than this are drawn as often as negatives at this distance, in (0, 2); None takes every
            negative once.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: in place of sampling, its expectation: no randomness. pytorch-metric-learning's `MarginLoss(margin=alpha,
        beta)` divides once for the whole batch, not per anchor, and its β is trained if asked; here it is fixed.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in margin([0, 0, 1, 1], x)]
        ['0.768', '0.944', '0.768', '0.944']

    References:
        Wu et al., Sampling Matters in Deep Embedding Learning, 2017, arXiv:1706.07567: loss (4), chances (5) and (6).
    """
    loss = MarginLoss(distance, beta, alpha, cutoff, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class MarginLoss(MetricLoss):
    """The mean of `margin` over the anchors that have a positive and a negative.

    Args:
        distance, beta, alpha, cutoff: See `margin`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = MarginLoss(cutoff=None)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.855'
    """

    only_distances = True

    def __init__(
        self,
        distance: str | Distance = "euclidean",
        beta: float = 1.2,
        alpha: float = 0.2,
        cutoff: float | None = 0.5,
        reduction: str | None = "mean",
        name: str | None = "margin_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance=check_distance(distance, ("euclidean",), why="Rows are brought to unit length first."),
            reduction=reduction,
            name=name,
            **kwargs,
        )
        self.beta = check_number(beta, name="beta", at_least=0, at_most=2, hint="The paper starts from 1.2.")
        self.alpha = check_number(alpha, name="alpha", at_least=0, hint="The paper uses 0.2.")
        hint = "The paper uses 0.5, and None takes every negative once."
        self.cutoff = check_number_or_none(cutoff, name="cutoff", above=0, at_most=1.99, hint=hint)

    def row_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean cost of the pairs of each anchor that cost anything."""
        distances = pairwise_distances(unit_rows(rows), unit_rows(keys), self.distance)
        weights = self._weights(distances, positives, negatives, rows.shape[1])
        costs = ops.where(positives, distances + (self.alpha - self.beta), (self.alpha + self.beta) - distances)
        paying = ops.where(costs > 0, weights, 0.0)
        count = ops.sum(paying, axis=1)
        return ops.sum(paying * costs, axis=1) / ops.where(count > 0, count, 1.0)

    def _weights(self, distances: Tensor, positives: Tensor, negatives: Tensor, width: int) -> Tensor:
        """How often each pair is expected to be drawn, `(b, n)`: positives once, negatives by their chances."""
        times = ops.ones_like(distances)
        if self.cutoff is not None:
            logits = draw_logits(ops.stop_gradient(distances), self.cutoff, width)
            chances = ops.exp(logits - masked_log_sum_exp(logits, negatives)[:, None])
            times = chances * masked_row_sum(times, positives)[:, None]
        return ops.where(positives, 1.0, ops.where(negatives, times, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("beta", "alpha", "cutoff")
        return super().get_config() | {key: getattr(self, key) for key in keys}
