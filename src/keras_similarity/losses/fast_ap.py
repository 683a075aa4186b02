"""FastAP: average precision from soft histograms of distances."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_whole
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_row_sum

__all__ = ["FastAPLoss", "fast_ap"]

Tensor = Any
SMALLEST_COUNT = 1e-6  # of items seen so far: a bin before the first of them adds nothing


def fast_ap(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    num_bins: int = 10,
) -> Tensor:
    """FastAP loss, one value per anchor: 1 − a soft average precision.

    Definition, with d the squared Euclidean distance of unit rows:
        Bins l = 0 … num_bins have their centres at l Δ, Δ = 4 / num_bins; each distance splits its weight 1 between the
        two nearest centres. h⁺_l and H⁺_l are the positives' histogram and its running sum, H_l that of all others.
        L_i = 1 − 1/|P_i| Σ_{l: H_l > 0} h⁺_l H⁺_l / H_l

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: "cosine", twice of which is the squared Euclidean distance of unit rows, in [0, 4].
        num_bins: Number of steps from 0 to 4, ≥ 1.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² (d + num_bins)) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `FastAPLoss(num_bins)` gives the same numbers.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in fast_ap([0, 0, 1, 1], x)]
        ['0.500', '0.667', '0.500', '0.667']

    References:
        Cakir et al., Deep Metric Learning to Rank, CVPR 2019.
    """
    loss = FastAPLoss(distance, num_bins, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class FastAPLoss(MetricLoss):
    """The mean of `fast_ap` over the anchors that have a positive and a negative.

    Args:
        distance, num_bins: See `fast_ap`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = FastAPLoss(num_bins=5)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.583'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        num_bins: int = 10,
        reduction: str | None = "mean",
        name: str | None = "fast_ap_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance=check_distance(distance, ("cosine",), why="Its bins span the distances of unit rows."),
            reduction=reduction,
            name=name,
            **kwargs,
        )
        self.num_bins = check_whole(num_bins, name="num_bins", minimum=1)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return 1 − the soft average precision of each anchor."""
        places = distances * (self.num_bins / 2.0)
        precision = found_before = ops.zeros_like(distances[:, 0])
        for place in range(self.num_bins + 1):
            # A running sum of the soft histogram is a sum of ramps from one centre to the next.
            ramps = ops.clip(place + 1.0 - places, 0.0, 1.0)
            found = masked_row_sum(ramps, positives)
            seen = found + masked_row_sum(ramps, negatives)
            precision = precision + found / ops.maximum(seen, SMALLEST_COUNT) * (found - found_before)
            found_before = found
        count = masked_row_sum(ops.ones_like(distances), positives)
        return 1.0 - precision / ops.maximum(count, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"num_bins": self.num_bins}
