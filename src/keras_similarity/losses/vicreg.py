"""VICReg: views agree (invariance), every feature varies (variance), and none repeats another (covariance)."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.losses.barlow_twins import off_diagonal
from keras_similarity.losses.view_loss import ViewLoss

__all__ = ["VICRegLoss", "vicreg"]

Tensor = Any
DEVIATION = 1.0  # γ, what each feature should have at least
EPSILON = 1e-4  # added to variances


def vicreg(
    first: Tensor, second: Tensor, *, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0
) -> Tensor:
    """What differs between two views, plus what keeps their features from collapsing: one number for a batch.

    Definition, with C(z) the covariance of the features over the batch:
        L = λ s(z, z′) + μ (v(z) + v(z′)) / 2 + ν (c(z) + c(z′))
        s(z, z′) = mean of (z_ij − z′_ij)²       v(z) = mean_j [1 − √(C(z)_jj + ε)]₊       c(z) = Σ_{j≠k} C(z)²_jk / d

    Args:
        first, second: Projections of two views `(b, d)`, any norm.
        invariance, variance, covariance: λ, μ and ν, ≥ 0.

    Returns:
        A scalar, float32 or wider, ≥ 0. A batch of one item has no covariance, and its features do not vary.

    Raises:
        ValueError: views of two shapes, or a negative weight.

    Cost: O(b d²) time, a few (d, d) matrices.

    Relations: s is a mean over the features, and v is halved, as in the authors' code; the paper's equations (1) and
        (5) have neither, which the weights above are not meant for. pytorch-metric-learning's `VICRegLoss` gives the
        same numbers.

    Example:
        >>> x = np.array([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        >>> f"{float(vicreg(x, x)):.3f}", f"{float(vicreg(x, x[:, ::-1])):.3f}"
        ('0.000', '50.000')

    References:
        Bardes et al., VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning, 2021,
        arXiv:2105.04906: (1) to (6), and algorithm 1.
    """
    loss = VICRegLoss(invariance, variance, covariance)
    return loss(ops.convert_to_tensor(first), ops.convert_to_tensor(second))


@keras.saving.register_keras_serializable(package="keras_similarity")
class VICRegLoss(ViewLoss):
    """`vicreg` of a batch.

    Args:
        invariance, variance, covariance: See `vicreg`.
        name: See `ViewLoss`.

    Example:
        >>> f"{float(VICRegLoss()(np.zeros((4, 2)), np.zeros((4, 2)))):.2f}"
        '24.75'
    """

    def __init__(
        self,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        name: str | None = "vicreg_loss",
    ) -> None:
        super().__init__(name=name)
        weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
        for which, weight in weights.items():
            weights[which] = check_number(weight, name=which, at_least=0, hint="The paper's are 25, 25 and 1.")
        self.weights = weights

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the sum of the three terms."""
        narrow, repeated = zip(_spread(first), _spread(second), strict=True)
        terms = {
            "invariance": ops.mean(ops.square(first - second)),
            "variance": sum(narrow) / 2,
            "covariance": sum(repeated),
        }
        return sum(self.weights[which] * term for which, term in terms.items())

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**self.weights, **super().get_config()}


def _spread(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the features are from varying enough, and how much they repeat each other."""
    centred = x - ops.mean(x, axis=0, keepdims=True)
    pairs = ops.maximum(ops.cast(ops.shape(x)[0] - 1, x.dtype), 1.0)
    covariances = ops.matmul(ops.transpose(centred), centred) / pairs
    # Not the diagonal: TensorFlow has no gradient of it where it does not know the shape, as of gathered rows.
    variances = ops.sum(ops.square(centred), axis=0) / pairs
    deviations: Tensor = ops.sqrt(variances + EPSILON)
    narrow = ops.mean(ops.relu(DEVIATION - deviations))
    return narrow, off_diagonal(covariances) / x.shape[1]
