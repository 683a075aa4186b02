"""Normalised softmax: classification by the cosine to one weight row per class."""

from typing import Any

import keras

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.ops import masked_row_sum

__all__ = ["NormalizedSoftmax"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class NormalizedSoftmax(ClassHead):
    """Cross-entropy of the cosines to the classes, divided by a temperature.

    The plain baseline among the heads, without a margin, and often hard to beat. Start here.

    Definition:
        L_i = −log(exp(cos θ_y / T) / Σ_c exp(cos θ_c / T)),        y the class of row i

    Args:
        num_classes: Number of classes c, ≥ 2.
        temperature: T, > 0; the paper's is 0.05.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: `ProxyNCA` with twice the temperature. pytorch-metric-learning: `NormalizedSoftmaxLoss(temperature)`
        with `W = class_weights.T`.

    Example:
        >>> head = NormalizedSoftmax(num_classes=10)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> loss = head.loss()([0, 1, 2, 9], embeddings)
        >>> tuple(loss.shape), tuple(head.class_weights.shape)
        ((), (10, 4))

    References:
        Zhai and Wu, Classification is a Strong Baseline for Deep Metric Learning, 2019, arXiv:1811.12649, the
        normalised softmax of its section 3.
    """

    def __init__(self, num_classes: int, temperature: float = 0.05, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.temperature = check_number(temperature, name="temperature", above=0, hint="The paper's is 0.05.")

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each row, `(b,)`."""
        logits = cosines / self.temperature
        return softmax_losses(logits, own, masked_row_sum(logits, own), bound=1.01 / self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "temperature": self.temperature}
