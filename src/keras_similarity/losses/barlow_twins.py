"""Barlow Twins: each feature agrees between the views, and repeats no other."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.losses.view_loss import ViewLoss

__all__ = ["BarlowTwinsLoss", "barlow_twins", "off_diagonal"]

Tensor = Any
EPSILON = 1e-5  # added to variances, as the batch normalisation of the authors' code does


def barlow_twins(first: Tensor, second: Tensor, *, redundancy: float = 5e-3) -> Tensor:
    """How far the correlations of the features of two views are from the identity: one number for a batch.

    Definition, with C_ij the correlation over the batch of feature i of the first view with feature j of the second:
        L = Σ_i (1 − C_ii)² + λ Σ_i Σ_{j≠i} C_ij²

    Args:
        first, second: Projections of two views `(b, d)`, any norm.
        redundancy: λ, ≥ 0, what a correlation between two features costs.

    Returns:
        A scalar, float32 or wider, ≥ 0. A feature that is the same for the whole batch correlates with nothing and
        costs 1; so does each of a batch of one item, with gradient 0.

    Raises:
        ValueError: views of two shapes, or a negative weight.

    Cost: O(b d²) time, a (d, d) matrix.

    Relations: pytorch-metric-learning has no such loss; the authors' code gives the same numbers.

    Example:
        >>> x = np.array([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        >>> f"{float(barlow_twins(x, x)):.3f}", f"{float(barlow_twins(x, x[:, ::-1])):.3f}"
        ('0.000', '2.010')

    References:
        Zbontar et al., Barlow Twins: Self-Supervised Learning via Redundancy Reduction, 2021, arXiv:2103.03230: (1)
        and (2).
    """
    return BarlowTwinsLoss(redundancy)(ops.convert_to_tensor(first), ops.convert_to_tensor(second))


@keras.saving.register_keras_serializable(package="keras_similarity")
class BarlowTwinsLoss(ViewLoss):
    """`barlow_twins` of a batch.

    Args:
        redundancy: See `barlow_twins`.
        name: See `ViewLoss`.

    Example:
        >>> f"{float(BarlowTwinsLoss(redundancy=1.0)(np.eye(3), np.eye(3)[::-1])):.2f}"
        '7.50'
    """

    def __init__(self, redundancy: float = 5e-3, name: str | None = "barlow_twins_loss") -> None:
        super().__init__(name=name)
        self.redundancy = check_number(redundancy, name="redundancy", at_least=0, hint="The paper's is 0.005.")

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the distance of the correlations from the identity."""
        one, other = _standard(first), _standard(second)
        count = ops.cast(ops.shape(one)[0], one.dtype)
        correlations = ops.matmul(ops.transpose(one), other) / count
        agreeing: Tensor = ops.diagonal(correlations)
        return ops.sum(ops.square(1.0 - agreeing)) + self.redundancy * off_diagonal(correlations)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"redundancy": self.redundancy, **super().get_config()}


def off_diagonal(matrix: Tensor) -> Tensor:
    """Return the sum of the squares beside the diagonal of `(d, d)`."""
    return ops.sum(ops.square(matrix * (1.0 - ops.eye(matrix.shape[0], dtype=matrix.dtype))))


def _standard(x: Tensor) -> Tensor:
    """Features of mean 0 and variance 1 over the batch; those that do not vary become 0."""
    centred = x - ops.mean(x, axis=0, keepdims=True)
    return centred / ops.sqrt(ops.mean(ops.square(centred), axis=0, keepdims=True) + EPSILON)
