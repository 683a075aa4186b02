"""Multi-similarity loss: all pairs of an anchor, weighed by how hard they are."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.arguments import check_number_or_none
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import masked_max, masked_min, split_log_sum_exp
from keras_similarity.ops.reductions import FAR

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
        reduction, name, **kwargs: See `MetricLoss`.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, reduction=reduction, name=name, **kwargs)
        self.alpha = check_number(alpha, name="alpha", above=0, hint="The paper uses 2.")
        self.beta = check_number(beta, name="beta", above=0, hint="The paper uses 50.")
        usual = "The paper uses 0.1, and None keeps every pair."
        self.epsilon = check_number_or_none(epsilon, name="epsilon", at_least=0, hint=usual)
        self.lmda = check_number(lmda, name="lmda", hint="Pass a similarity, such as 0.5.")
        self.center = check_number(center, name="center", hint="Pass a distance, such as 1 for cosine.")

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of each anchor from its pairs, mined when `epsilon` is set."""
        offset = self.center - self.lmda
        logits = ops.cast(ops.where(positives, self.alpha, -self.beta), distances.dtype) * (distances - offset)
        if self.epsilon is not None:
            # Both choices look at the unmined pairs, as the paper's do.
            still = ops.stop_gradient(distances)
            nearest_negative = masked_min(still, negatives)[:, None]
            farthest_positive = masked_max(still, positives)[:, None]
            near, far = still < farthest_positive + self.epsilon, still > nearest_negative - self.epsilon
            logits = ops.where(ops.where(positives, far, near), logits, -FAR)
        # How far a logit can be above 0, which is known for distances of a known range, such as cosine.
        reach = max(abs(limit - offset) for limit in self.distance.range)
        pull, push = split_log_sum_exp(logits, positives, negatives, max(self.alpha, self.beta) * reach)
        return ops.softplus(pull) / self.alpha + ops.softplus(push) / self.beta

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("alpha", "beta", "epsilon", "lmda", "center")
        return super().get_config() | {key: getattr(self, key) for key in keys}
