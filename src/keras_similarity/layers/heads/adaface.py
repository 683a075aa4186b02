"""AdaFace: a margin that follows the quality of an example, read off the length of its embedding."""

import math
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.angles import turned_cosine
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.layers.l2_normalize import L2Normalize
from keras_similarity.layers.metric_embedding import MetricEmbedding
from keras_similarity.ops import masked_row_sum

__all__ = ["AdaFace"]

Tensor = Any
SMALLEST_DEVIATION = 1e-6  # lengths that differ by less are of one quality


@keras.saving.register_keras_serializable(package="keras_similarity")
class AdaFace(ClassHead):
    """Softmax with a margin that is angular for short embeddings and taken off the cosine for long ones.

    The length of an embedding tells how clear its example is. Clear ones are made to work hard where they are
    difficult; unclear ones are not, since they may be beyond recognition. Needs embeddings that are *not* of length
    1: `MetricEmbedding(d, normalize=False)`.

    Definition:
        z = clip((‖x‖ − mean) / (std / h), −1, 1),    g_angle = −m z,    g_add = m z + m
        L_i = −log(exp(s (cos(θ_y + g_angle) − g_add)) / (the same + Σ_{c ≠ y} exp(s cos θ_c)))

    z = −1 is `ArcFace`, z = 0 `CosFace`; z has no gradient. `norm_mean` and `norm_std` are moving averages of the
    mean and standard deviation of the lengths in a batch; they are layer variables, moved in training only, before
    they are used. They start at the first batch's own (the authors' at 20 and 100); before it z is 0.

    Args:
        num_classes: Number of classes c, ≥ 2.
        margin: m in radians and in units of the cosine, in [0, π]; the paper's is 0.4.
        scale: s, > 0; the paper's is 64. With few classes less is enough, such as 16.
        h: How many of the lengths come to lie within ±1, > 0; the paper's is 0.333.
        momentum: Share of the past in the moving averages, in [0, 1); 0 for the batch's own. The authors' is 0.99.
        monotonic: Whether θ_y + g_angle is kept within [0, π], as in the authors' code (there within 0.001 of it), so
            that the own logit never rises as the angle grows; False for the equation as printed.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range, or an embedding that a layer has just brought to length 1.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: pytorch-metric-learning has none. The standard deviation is that of the batch itself (divided by b); the
        authors' code divides by b − 1, which a batch of one does not have.

    Example:
        >>> head = AdaFace(num_classes=10)
        >>> embeddings = head(3 * np.eye(4, dtype="float32"), training=True)
        >>> loss = head.loss()([0, 1, 2, 9], embeddings)
        >>> float(head.norm_mean.numpy())
        3.0

    References:
        Kim et al., AdaFace: Quality Adaptive Margin for Face Recognition, 2022, arXiv:2204.00964, the adaptive margin
        and image quality indicator of its section 3.
    """

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.4,
        scale: float = 64.0,
        *,
        h: float = 0.333,
        momentum: float = 0.99,
        monotonic: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self.margin = check_number(margin, name="margin", at_least=0, at_most=math.pi, hint="The paper's is 0.4.")
        self.scale = check_number(scale, name="scale", above=0, hint="The paper's is 64.")
        self.h = check_number(h, name="h", above=0, hint="The paper's is 0.333.")
        self.momentum = check_number(
            momentum, name="momentum", at_least=0, at_most=0.999999, hint="The authors' is 0.99."
        )
        self.monotonic = monotonic

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the class weights and the statistics of lengths."""
        super().build(input_shape)
        self.norm_mean = self.add_statistic("norm_mean")
        self.norm_std = self.add_statistic("norm_std")
        # How much of the moving averages is filled: 1 − momentum^steps.
        self.filled = self.add_statistic("filled")

    def compute_output_spec(self, embeddings: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Refuse, where the graph is built, embeddings that are all of one length."""
        _check_lengths_vary(embeddings)
        return super().compute_output_spec(embeddings, *args, **kwargs)

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each row, `(b,)`."""
        quality = self._quality(ops.stop_gradient(ops.sqrt(ops.sum(rows * rows, axis=1))))
        turn = -self.margin * quality
        cosine = masked_row_sum(cosines, own)
        turned = turned_cosine(cosine, turn)
        if self.monotonic:
            turned = ops.where(ops.logical_and(turn < 0, cosine > ops.cos(turn)), 1.0, turned)  # θ + g_angle below 0
            turned = ops.where(ops.logical_and(turn > 0, cosine < -ops.cos(turn)), -1.0, turned)  # above π
        own_logits = self.scale * (turned - self.margin * quality - self.margin)
        return softmax_losses(self.scale * cosines, own, own_logits, bound=1.01 * self.scale)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("margin", "scale", "h", "momentum", "monotonic")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}

    def _quality(self, norms: Tensor) -> Tensor:
        """Return z of each row, in [−1, 1], without gradient."""
        if self.in_training:
            self._update(norms)
        mean, std = (ops.cast(statistic, norms.dtype) for statistic in (self.norm_mean, self.norm_std))
        quality = ops.clip((norms - mean) / ops.maximum(std, SMALLEST_DEVIATION) * self.h, -1.0, 1.0)
        filled: Tensor = ops.convert_to_tensor(self.filled)
        return ops.where(filled > 0, quality, 0.0)

    def _update(self, norms: Tensor) -> None:
        norms = ops.cast(norms, "float32")
        filled = self.momentum * self.filled + (1.0 - self.momentum)
        share = (1.0 - self.momentum) / filled
        for statistic, value in ((self.norm_mean, ops.mean(norms)), (self.norm_std, ops.std(norms))):
            statistic.assign(statistic + share * (value - statistic))
        self.filled.assign(filled)


def _check_lengths_vary(embeddings: Tensor) -> None:
    """Raise a ValueError where the model's graph shows a layer that has just made every length 1."""
    history = getattr(embeddings, "_keras_history", None)
    layer: Any = getattr(history, "operation", None)
    unit = isinstance(layer, L2Normalize | keras.layers.UnitNormalization) or (
        isinstance(layer, MetricEmbedding) and layer.normalize
    )
    if unit:
        raise ValueError(
            f"`AdaFace` reads the quality of an example off the length of its embedding, and {layer.name!r} makes "
            "every length 1.\n  Write `MetricEmbedding(d, normalize=False)`; search by cosine needs no unit rows."
        )
