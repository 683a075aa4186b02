"""SoftTriple: several centres per class, softly the best of them."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.ops import as_wide_float, masked_row_sum, safe_sqrt, unit_rows

__all__ = ["SoftTriple"]

Tensor = Any
SAME_CENTERS = 1e-6  # squared distance: where two centres have merged, the root's slope is taken as 0


@keras.saving.register_keras_serializable(package="keras_similarity")
class SoftTriple(ClassHead):
    """Softmax against several centres per class, for classes of more than one kind of example.

    Definition:
        S_c = Σ_k softmax_k(cos θ_ck / γ) cos θ_ck
        L_i = −log(exp(λ (S_y − δ)) / (exp(λ (S_y − δ)) + Σ_{c ≠ y} exp(λ S_c)))
        and the regulariser of the layer, which merges the centres that a class does not need:
        R = τ / (C K (K − 1)) Σ_c Σ_{s < t} √(2 − 2 ⟨w_cs, w_ct⟩),        w unit centres

    Args:
        num_classes: Number of classes C, ≥ 2.
        centers_per_class: K, ≥ 1; the paper's is 10.
        la: λ, > 0; the paper's is 20.
        gamma: γ, > 0; the paper's is 0.1.
        margin: δ, ≥ 0, in units of the cosine; the paper's is 0.01.
        tau: τ, ≥ 0; the authors' is 0.2. R is one of the layer's `losses`, which `fit` and `evaluate` add; the loss
            by itself does not contain it.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b C K d) time, a few (b, C, K) arrays.

    Relations: one centre and no margin is `NormalizedSoftmax` with temperature 1 / λ. pytorch-metric-learning:
        `SoftTripleLoss(centers_per_class, la, gamma, margin)` with `fc = class_weights.T`, without regulariser.

    Example:
        >>> head = SoftTriple(num_classes=10, centers_per_class=2)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> tuple(head.class_weights.shape), tuple(head.class_cosines(embeddings).shape), len(head.losses)
        ((20, 4), (4, 10), 1)

    References:
        Qian et al., SoftTriple Loss: Deep Metric Learning Without Triplet Sampling, 2019, arXiv:1909.05235, the loss
        with relaxed similarity and the regulariser of its section 3.
    """

    def __init__(
        self,
        num_classes: int,
        centers_per_class: int = 10,
        *,
        la: float = 20.0,
        gamma: float = 0.1,
        margin: float = 0.01,
        tau: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, centers_per_class=centers_per_class, **kwargs)
        self.la = check_number(la, name="la", above=0, hint="The paper's is 20.")
        self.gamma = check_number(gamma, name="gamma", above=0, hint="The paper's is 0.1.")
        self.margin = check_number(margin, name="margin", at_least=0, hint="The paper's is 0.01.")
        self.tau = check_number(tau, name="tau", at_least=0, hint="The authors' is 0.2; 0 for none.")

    def weights_regularizer(self) -> Any:
        """Return R, and the layer's `regularizer` where it has one."""
        return self._penalty if self.tau > 0 and self.centers_per_class > 1 else self.regularizer

    def merge_centers(self, cosines: Tensor) -> Tensor:
        """Return S, `(b, C)`, from the cosines to all centres `(b, C, K)`."""
        return ops.sum(ops.softmax(cosines / self.gamma, axis=2) * cosines, axis=2)

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the cross-entropy of each row, `(b,)`."""
        own_logits = self.la * (masked_row_sum(cosines, own) - self.margin)
        return softmax_losses(self.la * cosines, own, own_logits, bound=1.01 * self.la)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("la", "gamma", "margin", "tau")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}

    def _penalty(self, weights: Tensor) -> Tensor:
        """R of the weights `(C · K, d)`, and what the layer's `regularizer` adds."""
        k = self.centers_per_class
        centers: Tensor = ops.reshape(unit_rows(as_wide_float(weights)), (self.num_classes, k, -1))
        products: Tensor = ops.matmul(centers, ops.transpose(centers, (0, 2, 1)))
        # Every pair stands here twice; the pairs of a centre with itself are 0, with a slope of 0.
        total: Tensor = ops.sum(safe_sqrt(2.0 - 2.0 * products, SAME_CENTERS)) / 2.0
        given: Any = self.regularizer
        return self.tau / (self.num_classes * k * (k - 1)) * total + (0.0 if given is None else given(weights))
