"""SigLIP: a sigmoid for each pair, without any softmax over the batch."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_row_sum

__all__ = ["SigLIPLoss", "siglip"]

Tensor = Any


def siglip(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    scale: float = 10.0,
    bias: float = -10.0,
) -> Tensor:
    """Sigmoid loss over the pairs of a labelled batch, one value per anchor.

    Definition, with s the cosine:
        L_i = Σ_{j ≠ i} log(1 + exp(−z_ij (scale · s_ij + bias))),        z = 1 for positives, −1 for negatives

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; "cosine" is the only one that this loss is defined for.
        scale: Factor of the similarities, > 0.
        bias: Summand of the logits; negative, since most pairs are.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: the sum over the others is not divided by their number, as in the paper. pytorch-metric-learning has
        none. The paper trains scale and bias, starting from these values; here they are fixed.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in siglip([0, 0, 1, 1], x)]
        ['4.145', '4.658', '4.145', '4.658']

    References:
        Zhai et al., Sigmoid Loss for Language Image Pre-Training, 2023, arXiv:2303.15343: its pseudo-code.
    """
    loss = SigLIPLoss(distance, scale, bias, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class SigLIPLoss(MetricLoss):
    """The mean of `siglip` over the anchors that have a positive and a negative.

    Args:
        distance, scale, bias: See `siglip`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = SigLIPLoss(scale=5.0, bias=-5.0)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '2.743'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        scale: float = 10.0,
        bias: float = -10.0,
        reduction: str | None = "mean",
        name: str | None = "siglip_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            distance=check_distance(distance, ("cosine",), why="Its scale and bias are for cosines."),
            reduction=reduction,
            name=name,
            **kwargs,
        )
        self.scale = check_number(scale, name="scale", above=0, hint="The paper starts from 10.")
        self.bias = check_number(bias, name="bias", hint="The paper starts from -10.")

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the sum over the pairs of each anchor."""
        logits = (self.scale + self.bias) - self.scale * distances
        costs = ops.softplus(ops.where(positives, -logits, logits))
        return masked_row_sum(costs, ops.logical_or(positives, negatives))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("scale", "bias")
        return super().get_config() | {key: getattr(self, key) for key in keys}
