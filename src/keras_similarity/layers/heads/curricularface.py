"""CurricularFace: ArcFace that turns to hard negatives as training goes on."""

import math
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.angles import falling_turned_cosine, turned_cosine
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.ops import masked_mean, masked_row_sum

__all__ = ["CurricularFace"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class CurricularFace(ClassHead):
    """`ArcFace` whose hard negatives weigh little at first, and more the better the classes are learned.

    Definition:
        own class y:      s cos(θ_y + m)
        another class c:  s cos θ_c                  where cos θ_c ≤ cos(θ_y + m), an easy one
                          s cos θ_c (t + cos θ_c)    where it is larger, a hard one
        L_i = the cross-entropy of these logits

    t is the layer variable `t`, a moving average of the mean cosine of rows to their own classes. It starts at 0, is
    moved in training only, before it is used, and has no gradient.

    Args:
        num_classes: Number of classes c, ≥ 2.
        margin: m in radians, in [0, π]; the paper's is 0.5.
        scale: s, > 0; the paper's is 64. With few classes less is enough, such as 16.
        momentum: Share of the past in t, in [0, 1]; the authors' is 0.99.
        monotonic: As in `ArcFace`; which negatives are hard is decided by cos(θ_y + m) in any case.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: pytorch-metric-learning has none. Without hard negatives it is `ArcFace`.

    Example:
        >>> head = CurricularFace(num_classes=4, momentum=0.5, initializer="identity")
        >>> embeddings = head(np.eye(4, dtype="float32"), training=True)
        >>> loss = head.loss()([0, 1, 2, 3], embeddings)
        >>> float(head.t.numpy())
        0.5

    References:
        Huang et al., CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition, 2020,
        arXiv:2004.00288, the modulated cosines and the moving average of its section 3.
    """

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.5,
        scale: float = 64.0,
        *,
        momentum: float = 0.99,
        monotonic: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self.margin = check_number(
            margin, name="margin", at_least=0, at_most=math.pi, hint="It is in radians; the paper's is 0.5."
        )
        self.scale = check_number(scale, name="scale", above=0, hint="The paper's is 64.")
        self.momentum = check_number(momentum, name="momentum", at_least=0, at_most=1, hint="The authors' is 0.99.")
        self.monotonic = monotonic

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the class weights and t."""
        super().build(input_shape)
        self.t = self.add_statistic("t")

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each row, `(b,)`."""
        cosine = masked_row_sum(cosines, own)
        if self.in_training:
            mean = masked_mean(ops.stop_gradient(cosine), ops.any(own, axis=1))
            share: Tensor = 1.0 - self.momentum
            self.t.assign(self.momentum * self.t + share * ops.cast(mean, "float32"))
        t = ops.stop_gradient(ops.cast(ops.convert_to_tensor(self.t), cosines.dtype))
        boundary = turned_cosine(cosine, self.margin)
        hard = cosines > boundary[:, None]
        others: Tensor = ops.where(hard, cosines * (t + cosines), cosines)
        own_cosine = falling_turned_cosine(cosine, self.margin) if self.monotonic else boundary
        return softmax_losses(self.scale * others, own, self.scale * own_cosine, bound=2.02 * self.scale)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("margin", "scale", "momentum", "monotonic")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}
