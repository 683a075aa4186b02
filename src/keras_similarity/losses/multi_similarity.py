"""Multi-similarity loss: all pairs of an anchor, weighed by how hard they are."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_log1p_sum_exp, masked_max, masked_min

__all__ = ["MultiSimilarityLoss", "multi_similarity"]

Tensor = Any


def multi_similarity(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    alpha: float = 2.0,
    beta: float = 40.0,
    epsilon: float | None = 0.1,
    lmda: float = 0.5,
    center: float = 1.0,
) -> Tensor:
    """Multi-similarity loss, one value per anchor.

    Definition, with d the distance and s = center − d the similarity (the cosine, for cosine distance):
        P_i: positives with s_ip < max_n s_in + ε        N_i: negatives with s_in > min_p s_ip − ε
        L_i = 1/α log(1 + Σ_P exp(−α (s_ip − λ))) + 1/β log(1 + Σ_N exp(β (s_in − λ)))

    Args:
        labels: Classes `(b,)`; see `MetricLoss` for their types.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; sets the unit of `epsilon`, `lmda` and `center`.
        alpha: Sharpness over positives, > 0.
        beta: Sharpness over negatives, > 0.
        epsilon: Margin of the pair mining, ≥ 0; None keeps every pair.
        lmda: λ, the similarity that positives should exceed and negatives should not.
        center: The distance that counts as similarity 0: 1 for cosine, to be tuned for the others.

    Returns:
        `(b,)`, float32 or wider. An anchor without a positive or without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, an unknown distance, or a number out of its range.

    Cost: O(b² d) time, a few (b, b) matrices.

    Relations: pytorch-metric-learning's `MultiSimilarityLoss(alpha, beta, base=lmda)` with
        `MultiSimilarityMiner(epsilon)` gives the same numbers; its mean also counts anchors without a pair.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> [f"{float(value):.3f}" for value in multi_similarity([0, 0, 1, 1], x)]
        ['0.599', '0.759', '0.599', '0.759']

    References:
        Wang et al., Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning, 2019,
        arXiv:1904.06627: mining (8) and (9), loss (10).
    """
    loss = MultiSimilarityLoss(
        distance=distance, alpha=alpha, beta=beta, epsilon=epsilon, lmda=lmda, center=center, reduction="none"
    )
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class MultiSimilarityLoss(MetricLoss):
    """The mean of `multi_similarity` over the anchors that have a positive and a negative.

    Args:
        distance, alpha, beta, epsilon, lmda, center: See `multi_similarity`.
        reduction, name: See `MetricLoss`.

    Example:
        >>> loss = MultiSimilarityLoss(alpha=2.0)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.679'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        alpha: float = 2.0,
        beta: float = 40.0,
        epsilon: float | None = 0.1,
        lmda: float = 0.5,
        center: float = 1.0,
        reduction: str | None = "mean",
        name: str | None = "multi_similarity_loss",
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name)
        for key, value in (("alpha", alpha), ("beta", beta)):
            if not value > 0:
                raise ValueError(f"`{key}` must be above 0: got {value!r}.\n  The paper uses alpha=2, beta=50.")
        if epsilon is not None and not epsilon >= 0:
            raise ValueError(f"`epsilon` must be at least 0, or None: got {epsilon!r}.\n  The paper uses 0.1.")
        self.alpha, self.beta, self.epsilon = alpha, beta, epsilon
        self.lmda, self.center = lmda, center

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from its pairs, mined when `epsilon` is set."""
        if self.epsilon is not None:
            # Both choices look at the unmined pairs, as the paper's do.
            nearest_negative = masked_min(distances, negatives)[:, None]
            farthest_positive = masked_max(distances, positives)[:, None]
            positives = ops.logical_and(positives, distances > nearest_negative - self.epsilon)
            negatives = ops.logical_and(negatives, distances < farthest_positive + self.epsilon)
        excess = distances - (self.center - self.lmda)
        return (
            masked_log1p_sum_exp(self.alpha * excess, positives) / self.alpha
            + masked_log1p_sum_exp(-self.beta * excess, negatives) / self.beta
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("alpha", "beta", "epsilon", "lmda", "center")
        return super().get_config() | {key: getattr(self, key) for key in keys}
