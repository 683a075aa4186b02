"""CosFace: a margin taken off the cosine to the row's own class."""

from typing import Any

import keras

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.ops import masked_row_sum

__all__ = ["CosFace"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class CosFace(ClassHead):
    """Softmax in which the own class's cosine must win by a margin (large margin cosine loss).

    Gentler than `ArcFace` and easier to train: the margin does not depend on the angle.

    Definition:
        L_i = −log(exp(s (cos θ_y − m)) / (exp(s (cos θ_y − m)) + Σ_{c ≠ y} exp(s cos θ_c)))

    Args:
        num_classes: Number of classes c, ≥ 2.
        margin: m, ≥ 0, in units of the cosine; the paper's is 0.35.
        scale: s, > 0; the paper's is 64. With few classes less is enough, such as 16.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: without a margin, `NormalizedSoftmax` with temperature 1 / s. pytorch-metric-learning:
        `CosFaceLoss(margin, scale)` with `W = class_weights.T`.

    Example:
        >>> head = CosFace(num_classes=10, scale=16.0)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> tuple(head.loss(reduction="none")([0, 1, 2, 9], embeddings).shape)
        (4,)

    References:
        Wang et al., CosFace: Large Margin Cosine Loss for Deep Face Recognition, 2018, arXiv:1801.09414, eq. (4).
    """

    def __init__(self, num_classes: int, margin: float = 0.35, scale: float = 64.0, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.margin = check_number(margin, name="margin", at_least=0, hint="The paper's is 0.35.")
        self.scale = check_number(scale, name="scale", above=0, hint="The paper's is 64.")

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each row, `(b,)`."""
        own_logits = self.scale * (masked_row_sum(cosines, own) - self.margin)
        return softmax_losses(self.scale * cosines, own, own_logits, bound=1.01 * self.scale)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}
