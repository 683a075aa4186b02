"""Positive-negative loss: the negative must be far from the anchor and from the positive."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.triplet import TripletLoss

__all__ = ["PNLoss", "pn"]

Tensor = Any


def pn(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    positive_mining_strategy: str = "hard",
    negative_mining_strategy: str = "semi-hard",
    margin: float | None = 0.1,
) -> Tensor:
    """Positive-negative loss, one value per anchor: the mean over its chosen triplets.

    Definition, for an anchor a, a positive p and a negative n:
        L_apn = max(0, d_ap − min(d_an, d_pn) + margin), or log(1 + exp(d_ap − min(d_an, d_pn))) for margin None
        p and n are chosen by their distances to the anchor alone.

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; sets the unit of `margin`.
        positive_mining_strategy: "hard", "easy" or "all"; see `triplet`.
        negative_mining_strategy: "semi-hard", "hard", "easy" or "all"; see `triplet`.
        margin: How much farther than p the negative should be, ≥ 0; None is the soft margin.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, an unknown distance or strategy, or a margin below 0.

    Cost: that of `triplet`.

    Relations: `triplet` with swap=True, under the name that the Ivis method gave it. In pytorch-metric-learning:
        `TripletMarginLoss(margin, swap=True)` after `BatchEasyHardMiner`.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in pn([0, 0, 1, 1], x)]
        ['0.300', '0.300', '0.300', '0.300']

    References:
        Szubert et al., Structure-preserving visualisation of high dimensional single-cell datasets, 2019,
        doi:10.1038/s41598-019-45301-0.
    """
    loss = PNLoss(distance, positive_mining_strategy, negative_mining_strategy, margin, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class PNLoss(TripletLoss):
    """The mean of `pn` over the anchors that have a positive and a negative.

    Args:
        distance, positive_mining_strategy, negative_mining_strategy, margin: See `pn`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = PNLoss(margin=0.2)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.400'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        positive_mining_strategy: str = "hard",
        negative_mining_strategy: str = "semi-hard",
        margin: float | None = 0.1,
        reduction: str | None = "mean",
        name: str | None = "pn_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance,
            positive_mining_strategy,
            negative_mining_strategy,
            margin,
            swap=True,
            reduction=reduction,
            name=name,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {key: value for key, value in super().get_config().items() if key != "swap"}
