"""Proxy-Anchor: each class's proxy against all rows of the batch at once."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.class_head import ClassHead
from keras_similarity.ops import masked_log1p_sum_exp

__all__ = ["ProxyAnchor"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class ProxyAnchor(ClassHead):
    """Each proxy pulls the rows of its class and pushes the others, the hardest ones most.

    Unlike the softmax heads it looks at rows together, as tuple losses do, and learns fast. Fit for hundreds to
    thousands of classes of few examples.

    Definition:
        L = 1/|C⁺| Σ_{c in C⁺} log(1 + Σ_{x of c} exp(−α (cos θ_xc − δ)))
          + 1/|C| Σ_c log(1 + Σ_{x not of c} exp(α (cos θ_xc + δ))),        C⁺ the classes in the batch

    A value belongs to a class, not to a row: `reduction="none"` gives |C| values, whose mean is L. A sample weight
    counts its row that many times: it multiplies the row's exponentials, and a row of weight 0 is not there.

    Args:
        num_classes: Number of classes |C|, ≥ 2.
        margin: δ, ≥ 0, in units of the cosine; the paper's is 0.1.
        alpha: α, > 0; the paper's is 32.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c d) time, a few (b, c) matrices.

    Relations: pytorch-metric-learning: `ProxyAnchorLoss(margin, alpha)` with `proxies = class_weights`.

    Example:
        >>> head = ProxyAnchor(num_classes=10)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> tuple(head.loss(reduction="none")([0, 1, 2, 9], embeddings).shape)
        (10,)

    References:
        Kim et al., Proxy Anchor Loss for Deep Metric Learning, 2020, arXiv:2003.13911, eq. (4).
    """

    def __init__(self, num_classes: int, margin: float = 0.1, alpha: float = 32.0, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.margin = check_number(margin, name="margin", at_least=0, hint="The paper's is 0.1.")
        self.alpha = check_number(alpha, name="alpha", above=0, hint="The paper's is 32.")

    def batch_losses(self, codes: Tensor, rows: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return what each class contributes, `(c,)`; NaN where a row's label is no class. See `ClassHead`."""
        cosines, own = self.class_cosines(rows), self.own_classes(codes)
        counted = codes >= 0
        log_weights = ops.zeros_like(cosines[:, 0])
        if weights is not None:
            counted = ops.logical_and(counted, weights > 0)
            log_weights = ops.log(ops.where(weights > 0, weights, 1.0))
        pulled = ops.logical_and(own, counted[:, None])
        pushed = ops.logical_and(ops.logical_not(own), counted[:, None])
        pull = _of_each_class(log_weights[:, None] - self.alpha * (cosines - self.margin), pulled)
        push = _of_each_class(log_weights[:, None] + self.alpha * (cosines + self.margin), pushed)
        present = ops.sum(ops.cast(ops.any(pulled, axis=0), pull.dtype))
        values = pull * self.num_classes / ops.maximum(present, 1.0) + push
        # The rows with a class train as they would without the others; the value tells of them.
        return values + ops.where(ops.all(codes >= 0), 0.0, float("nan"))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "margin": self.margin, "alpha": self.alpha}


def _of_each_class(logits: Tensor, mask: Tensor) -> Tensor:
    """log(1 + Σ exp(logits)) over the chosen rows of each class, `(b, c)` -> `(c,)`."""
    return masked_log1p_sum_exp(ops.transpose(logits), ops.transpose(mask))
