"""Supervised contrastive loss: a softmax over the others that should point at every positive."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.temperature import TemperatureLoss
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
class SupConLoss(TemperatureLoss):
    """The mean of `supcon` over the anchors that have a positive and a negative.

    Args:
        distance, temperature: See `supcon`.
        reduction, name, **kwargs: See `MetricLoss`.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(distance, temperature, reduction=reduction, name=name, **kwargs)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from all its pairs."""
        logits = self.logits(distances)
        everyone = masked_log_sum_exp(logits, ops.logical_or(positives, negatives), self.logit_bound)
        return everyone - masked_row_mean(logits, positives)
