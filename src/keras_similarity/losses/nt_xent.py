"""NT-Xent: for each positive, a softmax over it and the negatives that should point at it."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.temperature import TemperatureLoss
from keras_similarity.ops import masked_log_sum_exp, masked_row_mean

__all__ = ["NTXentLoss", "nt_xent"]

Tensor = Any


def nt_xent(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    temperature: float = 0.07,
) -> Tensor:
    """Normalised temperature-scaled cross-entropy (NT-Xent), one value per anchor.

    Definition, with s = −d, which differs from the cosine by a constant that cancels:
        L_i = −mean_p log(exp(s_ip / τ) / (exp(s_ip / τ) + Σ_n exp(s_in / τ)))

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

    Relations: with one positive an anchor, the paper's loss and `supcon`. pytorch-metric-learning's
        `NTXentLoss(temperature)` with `PerAnchorReducer` gives the same numbers.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in nt_xent([0, 0, 1, 1], x)]
        ['2.913', '5.245', '2.913', '5.245']

    References:
        Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, 2020, arXiv:2002.05709: (1).
    """
    loss = NTXentLoss(distance, temperature, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class NTXentLoss(TemperatureLoss):
    """The mean of `nt_xent` over the anchors that have a positive and a negative.

    Args:
        distance, temperature: See `nt_xent`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> loss = NTXentLoss(temperature=0.5)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '1.271'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        temperature: float = 0.07,
        reduction: str | None = "mean",
        name: str | None = "nt_xent_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance, temperature, reduction=reduction, name=name, **kwargs)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean over the positives of each anchor."""
        logits = self.logits(distances)
        push = masked_log_sum_exp(logits, negatives, self.logit_bound)[:, None]
        return masked_row_mean(ops.softplus(push - logits), positives)
