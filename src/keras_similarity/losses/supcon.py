"""Supervised contrastive loss: a softmax over the others that should point at every positive."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_number
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_log_sum_exp, masked_row_mean

__all__ = ["SupConLoss", "supcon"]

Tensor = Any


def supcon(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    temperature: float = 0.1,
) -> Tensor:
    """Supervised contrastive loss, one value per anchor.

    Definition, with s = −d, which differs from the cosine by a constant that cancels:
        L_i = −mean_p log(exp(s_ip / τ) / Σ_{k ≠ i} exp(s_ik / τ)),        k over positives and negatives

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the cosine.
        temperature: τ, > 0.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, a distance that is unknown or of no use here, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `SupConLoss(temperature)` gives the same numbers. The authors' code also
        multiplies by temperature / base_temperature. `nt_xent` leaves the other positives out of the denominator.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in supcon([0, 0, 1, 1], x)]
        ['2.127', '3.806', '2.127', '3.806']

    References:
        Khosla et al., Supervised Contrastive Learning, 2020, arXiv:2004.11362: (2), the mean outside the logarithm.
    """
    loss = SupConLoss(distance, temperature, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class SupConLoss(MetricLoss):
    """The mean of `supcon` over the anchors that have a positive and a negative.

    Args:
        distance, temperature: See `supcon`.
        reduction, name: See `MetricLoss`.

    Example:
        >>> loss = SupConLoss(temperature=0.5)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '1.271'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        temperature: float = 0.1,
        reduction: str | None = "mean",
        name: str | None = "supcon_loss",
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name)
        self.temperature = check_number(temperature, name="temperature", above=0, hint="The paper uses 0.1.")

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from all its pairs."""
        logits = distances * (-1.0 / self.temperature)
        bound = max(map(abs, self.distance.range)) / self.temperature
        everyone = masked_log_sum_exp(logits, ops.logical_or(positives, negatives), bound)
        return everyone - masked_row_mean(logits, positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"temperature": self.temperature}
