"""ProxyNCA++: neighbourhood components against one proxy per class."""

from typing import Any

import keras

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.ops import masked_row_sum

__all__ = ["ProxyNCA"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class ProxyNCA(ClassHead):
    """ProxyNCA++: the chance that a row picks its own class's proxy as its neighbour.

    Definition:
        L_i = −log(exp(−d_iy / T) / Σ_c exp(−d_ic / T)),        d = 2 − 2 cos θ, the squared distance of unit rows

    Args:
        num_classes: Number of classes c, ≥ 2.
        temperature: T, > 0; the paper's is 1/9.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: `NormalizedSoftmax` with temperature T / 2. The first ProxyNCA leaves the own class out of the
        denominator, so that its loss falls below 0; ++ does not. pytorch-metric-learning:
        `ProxyNCALoss(softmax_scale=1 / T)`, whose own default is T = 1, with `proxies = class_weights`.

    Example:
        >>> head = ProxyNCA(num_classes=10)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> tuple(head.loss(reduction="none")([0, 1, 2, 9], embeddings).shape)
        (4,)

    References:
        Teh et al., ProxyNCA++: Revisiting and Revitalizing Proxy Neighborhood Component Analysis, 2020,
        arXiv:2004.01113, the loss with proxy assignment probability and temperature.
    """

    def __init__(self, num_classes: int, temperature: float = 1 / 9, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.temperature = check_number(temperature, name="temperature", above=0, hint="The paper's is 1/9.")

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the negative log-chance of each row's proxy, `(b,)`."""
        logits = (2.0 / self.temperature) * cosines  # the 2 of the distance is in every term
        return softmax_losses(logits, own, masked_row_sum(logits, own), bound=2.02 / self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "temperature": self.temperature}
