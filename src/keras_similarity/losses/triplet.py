"""Triplet loss: a positive must be closer to its anchor than a negative, by a margin."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_number_or_none
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.losses.mining import choose_negatives, choose_positives, semi_hard_negatives
from keras_similarity.ops import (
    gap_sums,
    hinge_sums,
    masked_row_mean,
    masked_row_sum,
    paired_distances,
    pairwise_distances,
)

__all__ = ["TripletLoss", "triplet"]

Tensor = Any
POSITIVES = ("all", "easy", "hard")
NEGATIVES = ("all", "easy", "hard", "semi-hard")


def triplet(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    positive_mining_strategy: str = "hard",
    negative_mining_strategy: str = "semi-hard",
    margin: float | None = 0.1,
    swap: bool = False,
) -> Tensor:
    """Triplet loss, one value per anchor: the mean over its chosen triplets.

    Definition, for an anchor a, a positive p and a negative n:
        L_apn = max(0, d_ap − d_an + margin), or log(1 + exp(d_ap − d_an)) for margin None
        With swap, min(d_an, d_pn) takes the place of d_an once n is chosen.

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; sets the unit of `margin`.
        positive_mining_strategy: Which p: "hard" the farthest, "easy" the nearest, "all" every one.
        negative_mining_strategy: Which n: "hard" the nearest, "easy" the farthest, "all" every one, "semi-hard" the
            nearest that is farther than p, for each p; where none is, the farthest one.
        margin: How much farther than p the negative should be, ≥ 0; None is the soft margin.
        swap: Whether the negative must be far from the positive too.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0. Triplets that
        cost nothing count in the mean of an anchor.

    Raises:
        ValueError: wrong shapes, an unknown distance or strategy, or a margin below 0.

    Cost: O(b² d) time, a few (b, b) matrices. "all" positives with "all" or "semi-hard" negatives add
        O(b² · largest class) time, and no memory.

    Relations: pytorch-metric-learning's `TripletMarginLoss(margin, swap)` after `BatchEasyHardMiner` gives the same
        triplets and values (`smooth_loss=True, margin=0` for margin None); the miner drops anchors without a farther
        negative. Distances are not squared, as FaceNet's are: "squared_euclidean" does that.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in triplet([0, 0, 1, 1], x)]
        ['0.000', '0.300', '0.000', '0.300']

    References:
        Schroff et al., FaceNet, 2015, arXiv:1503.03832: (3), semi-hard (4). Hermans et al., In Defense of the
        Triplet Loss for Person Re-Identification, 2017, arXiv:1703.07737: soft margin, hard (5). Balntas et al.,
        Learning local feature descriptors with triplets, BMVC 2016: swap.
    """
    loss = TripletLoss(
        distance, positive_mining_strategy, negative_mining_strategy, margin, swap=swap, reduction="none"
    )
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class TripletLoss(MetricLoss):
    """The mean of `triplet` over the anchors that have a positive and a negative.

    Args:
        distance, positive_mining_strategy, negative_mining_strategy, margin, swap: See `triplet`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = TripletLoss(margin=0.2)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.200'
    """

    only_distances = True

    def __init__(
        self,
        distance: str | Distance = "cosine",
        positive_mining_strategy: str = "hard",
        negative_mining_strategy: str = "semi-hard",
        margin: float | None = 0.1,
        *,
        swap: bool = False,
        reduction: str | None = "mean",
        name: str | None = "triplet_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        for key, value, options in (
            ("positive_mining_strategy", positive_mining_strategy, POSITIVES),
            ("negative_mining_strategy", negative_mining_strategy, NEGATIVES),
        ):
            check_choice(value, options, name=key)
            setattr(self, key, value)
        hint = "Pass a distance, such as 0.1, or None for the soft margin."
        self.margin = check_number_or_none(margin, name="margin", at_least=0, hint=hint)
        self.swap = bool(swap)

    def compares_keys(self) -> bool:
        """Whether many triplets are swapped; for one triplet an anchor, the swapped distance is that of two rows."""
        return self.swap and "all" in (self.positive_mining_strategy, self.negative_mining_strategy)

    def row_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the chosen triplets of each anchor."""
        strategies = self.positive_mining_strategy, self.negative_mining_strategy
        if "all" not in strategies:
            return self._one_triplet_losses(rows, keys, positives, negatives)
        distances = pairwise_distances(rows, keys, self.distance)
        between_keys = None
        if self.swap:
            between_keys = distances if rows is keys else pairwise_distances(keys, keys, self.distance)
        if strategies == ("all", "all"):
            return self._every_triplet_losses(distances, between_keys, positives, negatives)
        if strategies[1] == "all":
            return self._every_negative_losses(distances, between_keys, positives, negatives)
        return self._every_positive_losses(distances, between_keys, positives, negatives)

    def _one_triplet_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        # The matrix only serves to choose. The three distances are computed anew from their rows: nearer to the
        # truth where they are small, and without any gradient of a matrix.
        still = pairwise_distances(ops.stop_gradient(rows), ops.stop_gradient(keys), self.distance)
        chosen = choose_positives(still, positives, self.positive_mining_strategy)
        others = choose_negatives(still, chosen, negatives, self.negative_mining_strategy)
        positive_rows, negative_rows = ops.take(keys, chosen, axis=0), ops.take(keys, others, axis=0)
        near = paired_distances(rows, positive_rows, self.distance)
        far = paired_distances(rows, negative_rows, self.distance)
        if self.swap:
            far = ops.minimum(far, paired_distances(positive_rows, negative_rows, self.distance))
        return self._cost(near - far)

    def _every_triplet_losses(
        self, distances: Tensor, between_keys: Tensor | None, positives: Tensor, negatives: Tensor
    ) -> Tensor:
        near, far = (ops.sum(ops.cast(mask, distances.dtype), axis=1) for mask in (positives, negatives))
        if between_keys is None and self.margin is not None:
            sums = hinge_sums(distances, positives, negatives, self.margin)
        else:
            pairs = gap_sums(distances, positives, negatives, self._cost, self._slope, between_keys)
            sums = masked_row_sum(pairs, positives)
        return sums / ops.maximum(near * far, 1.0)

    def _every_negative_losses(
        self, distances: Tensor, between_keys: Tensor | None, positives: Tensor, negatives: Tensor
    ) -> Tensor:
        chosen = choose_positives(ops.stop_gradient(distances), positives, self.positive_mining_strategy)
        near = ops.take_along_axis(distances, chosen[:, None], axis=1)
        far = distances
        if between_keys is not None:
            far = ops.minimum(far, ops.take(between_keys, chosen, axis=0))
        return masked_row_mean(self._cost(near - far), negatives)

    def _every_positive_losses(
        self, distances: Tensor, between_keys: Tensor | None, positives: Tensor, negatives: Tensor
    ) -> Tensor:
        still = ops.stop_gradient(distances)
        if self.negative_mining_strategy == "semi-hard":
            others = semi_hard_negatives(still, positives, negatives)
        else:
            index = choose_negatives(still, None, negatives, self.negative_mining_strategy)
            others = ops.broadcast_to(index[:, None], ops.shape(distances))
        far = ops.take_along_axis(distances, others, axis=1)
        if between_keys is not None:
            # Entry (a, p) is the distance of the positive p to the negative of (a, p).
            far = ops.minimum(far, ops.transpose(ops.take_along_axis(between_keys, ops.transpose(others), axis=1)))
        return masked_row_mean(self._cost(distances - far), positives)

    def _cost(self, difference: Tensor) -> Tensor:
        return ops.softplus(difference) if self.margin is None else ops.relu(difference + self.margin)

    def _slope(self, difference: Tensor) -> Tensor:
        if self.margin is None:
            return ops.sigmoid(difference)
        return ops.cast(difference + self.margin > 0, difference.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("positive_mining_strategy", "negative_mining_strategy", "margin", "swap")
        return super().get_config() | {key: getattr(self, key) for key in keys}
