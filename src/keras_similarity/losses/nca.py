"""Neighbourhood components analysis: the chance that a stochastic neighbour is of the anchor's class."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.soft_nearest_neighbor import SoftNearestNeighborLoss

__all__ = ["NCALoss", "nca"]

Tensor = Any


def nca(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "squared_euclidean",
    scale: float = 1.0,
) -> Tensor:
    """NCA loss, one value per anchor: the log of the chance of a neighbour of its class.

    Definition:
        L_i = −log(Σ_p exp(−scale · d_ip) / Σ_{k ≠ i} exp(−scale · d_ik)),        k over positives and negatives

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the squared Euclidean one of rows as they are.
        scale: Sharpness, > 0, per unit of the distance.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: `soft_nearest_neighbor` with temperature = 1 / scale. pytorch-metric-learning:
        `NCALoss(softmax_scale=scale)` with `LpDistance(normalize_embeddings=False, power=2)`; its own default
        normalises the rows.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in nca([0, 0, 1, 1], x)]
        ['1.027', '1.514', '1.027', '1.514']

    References:
        Goldberger et al., Neighbourhood Components Analysis, NIPS 2004: the objective Σ log p_i.
    """
    loss = NCALoss(distance, scale, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class NCALoss(SoftNearestNeighborLoss):
    """The mean of `nca` over the anchors that have a positive and a negative.

    Args:
        distance, scale: See `nca`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = NCALoss(scale=2.0)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '1.603'
    """

    def __init__(
        self,
        distance: str | Distance = "squared_euclidean",
        scale: float = 1.0,
        reduction: str | None = "mean",
        name: str | None = "nca_loss",
        **kwargs: Any,
    ) -> None:
        self.scale = check_number(scale, name="scale", above=0, hint="The paper's is 1.")
        super().__init__(distance, 1.0 / self.scale, reduction=reduction, name=name, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        config = super().get_config() | {"scale": self.scale}
        del config["temperature"]  # the same once more
        return config
