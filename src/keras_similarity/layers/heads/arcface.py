"""ArcFace: a margin added to the angle to the row's own class."""

import math
from typing import Any

import keras

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.angles import falling_turned_cosine, turned_cosine
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.ops import masked_row_sum

__all__ = ["ArcFace"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class ArcFace(ClassHead):
    """Softmax in which the own class must win with an angle larger by a margin.

    The usual choice for many classes, faces above all. With noisy labels take `SubCenterArcFace`, with examples of
    very different quality `AdaFace`.

    Definition:
        L_i = −log(exp(s cos(θ_y + m)) / (exp(s cos(θ_y + m)) + Σ_{c ≠ y} exp(s cos θ_c)))

    Args:
        num_classes: Number of classes c, ≥ 2.
        margin: m in radians, in [0, π]; the paper's is 0.5.
        scale: s, > 0; the paper's is 64. With few classes less is enough, such as 16.
        monotonic: Whether the own logit goes on as s (cos θ_y − m sin m) where θ_y + m passes π, as in the authors'
            code, so that it falls as the angle grows; False for the equation as printed.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: without a margin, `NormalizedSoftmax` with temperature 1 / s. pytorch-metric-learning:
        `ArcFaceLoss(margin=degrees(m), scale)` with `W = class_weights.T`; its default of 28.6° is 0.49916 rather
        than 0.5.

    Example:
        >>> head = ArcFace(num_classes=10, scale=16.0)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> tuple(head.loss(reduction="none")([0, 1, 2, 9], embeddings).shape)
        (4,)

    References:
        Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, 2019, arXiv:1801.07698, eq. (3).
    """

    def __init__(
        self, num_classes: int, margin: float = 0.5, scale: float = 64.0, *, monotonic: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self.margin = check_number(
            margin, name="margin", at_least=0, at_most=math.pi, hint="It is in radians; the paper's is 0.5."
        )
        self.scale = check_number(scale, name="scale", above=0, hint="The paper's is 64.")
        self.monotonic = monotonic

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each row, `(b,)`."""
        turn = falling_turned_cosine if self.monotonic else turned_cosine
        own_logits = self.scale * turn(masked_row_sum(cosines, own), self.margin)
        return softmax_losses(self.scale * cosines, own, own_logits, bound=1.01 * self.scale)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {"margin": self.margin, "scale": self.scale, "monotonic": self.monotonic}
        return {**super().get_config(), **own}
