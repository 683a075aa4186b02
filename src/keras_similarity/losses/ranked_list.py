"""Ranked list loss: positives in a ball, negatives outside a larger one, the worst weighing most."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_number_or_none
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_max, unit_rows

__all__ = ["RankedListLoss", "ranked_list"]

Tensor = Any


def ranked_list(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "euclidean",
    margin: float = 0.4,
    Tn: float = 10.0,
    imbalance: float = 0.5,
    alpha: float | None = None,
    Tp: float = 0.0,
) -> Tensor:
    """Ranked list loss, one value per anchor.

    Definition:
        P*: positives with d_ip > α − m,    costs d_ip − (α − m),    weights exp(Tp · cost)
        N*: negatives with d_in < α,        costs α − d_in,          weights exp(Tn · cost)
        L_i = (1 − imbalance) · weighted mean over P* + imbalance · weighted mean over N*,    an empty set costing 0
        The weights carry no gradient.

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`, applied to rows brought to unit length; the paper's is the Euclidean one.
        margin: m, the gap between the two balls, ≥ 0.
        Tn: Sharpness of the weights of negatives, ≥ 0.
        imbalance: Share of the negatives' part, in [0, 1].
        alpha: α, the distance that negatives should exceed; None is 1 + m / 2.
        Tp: Sharpness of the weights of positives, ≥ 0; 0 is the plain mean.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `RankedListLoss(margin, Tn, imbalance, alpha, Tp)` adds 1e-5 per item to its
        sums of weights, so that its values are a little smaller, and drops negatives at distance 0. This follows the
        paper.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in ranked_list([0, 0, 1, 1], x)]
        ['0.331', '0.501', '0.331', '0.501']

    References:
        Wang et al., Ranked List Loss for Deep Metric Learning, 2019, arXiv:1903.03238.
    """
    loss = RankedListLoss(distance, margin, Tn, imbalance, alpha, Tp, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class RankedListLoss(MetricLoss):
    """The mean of `ranked_list` over the anchors that have a positive and a negative.

    Args:
        distance, margin, Tn, imbalance, alpha, Tp: See `ranked_list`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = RankedListLoss(margin=0.8)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.616'
    """

    only_distances = True

    def __init__(
        self,
        distance: str | Distance = "euclidean",
        margin: float = 0.4,
        Tn: float = 10.0,
        imbalance: float = 0.5,
        alpha: float | None = None,
        Tp: float = 0.0,
        reduction: str | None = "mean",
        name: str | None = "ranked_list_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        self.margin = check_number(margin, name="margin", at_least=0, hint="The paper uses 0.4.")
        self.Tn = check_number(Tn, name="Tn", at_least=0, hint="The paper uses 10.")
        self.imbalance = check_number(imbalance, name="imbalance", at_least=0, at_most=1, hint="The paper uses 0.5.")
        self.alpha = check_number_or_none(alpha, name="alpha", at_least=0, hint="None is 1 + margin / 2.")
        self.Tp = check_number(Tp, name="Tp", at_least=0, hint="The paper uses 0, the plain mean.")

    def row_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor, from rows brought to unit length."""
        return super().row_losses(unit_rows(rows), unit_rows(keys), positives, negatives)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the two weighted means of each anchor, added."""
        alpha = 1.0 + self.margin / 2.0 if self.alpha is None else self.alpha
        pull = _weighted_mean(distances - (alpha - self.margin), self.Tp, positives)
        push = _weighted_mean(alpha - distances, self.Tn, negatives)
        return (1.0 - self.imbalance) * pull + self.imbalance * push

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("margin", "Tn", "imbalance", "alpha", "Tp")
        return super().get_config() | {key: getattr(self, key) for key in keys}


def _weighted_mean(costs: Tensor, sharpness: float, mask: Tensor) -> Tensor:
    """Mean of the costs above 0 among the chosen ones, weighed by exp(sharpness · cost)."""
    paying = ops.logical_and(mask, costs > 0)
    logits = ops.stop_gradient(costs * sharpness)
    # The largest weight is 1: the weights cannot overflow, and their sum is not 0 unless there is none.
    top = masked_max(logits, paying)[:, None]
    weights = ops.where(paying, ops.exp(ops.minimum(logits - top, 0.0)), 0.0)
    return ops.sum(weights * costs, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)
