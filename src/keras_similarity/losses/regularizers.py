"""Embedding regularisers: what the rows of a batch cost whatever their classes."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.ops import as_wide_float, safe_sqrt, unit_rows

__all__ = [
    "CenterInvariantRegularizer",
    "EmbeddingRegularizer",
    "LpRegularizer",
    "SpreadOutRegularizer",
    "ZeroMeanRegularizer",
]

Tensor = Any


class EmbeddingRegularizer(keras.regularizers.Regularizer):
    """A cost of embeddings `(b, d)`, for `embedding_regularizer=` of a loss or `activity_regularizer=` of a layer.

    Args:
        weight: What the cost is multiplied with, ≥ 0.

    Raises:
        ValueError: a weight that is no number, or below 0.

    A subclass gives `cost`. Most of them say nothing about rows of unit length: put them before the normalisation,
    as the `activity_regularizer` of the layer there (which Keras divides by the number of rows), or end the model in
    raw rows.

    Example:
        >>> class Largest(EmbeddingRegularizer):
        ...     def cost(self, rows, codes):
        ...         return ops.max(ops.abs(rows))
        >>> float(Largest(0.5)(np.array([[1.0, -3.0]])))
        1.5
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = check_number(weight, name="weight", at_least=0, hint="Pass a factor, such as 0.01.")

    def cost(self, rows: Tensor, codes: Tensor | None) -> Tensor:
        """Return a scalar, from rows `(b, d)` in float32 or wider and their classes `(b,)`, or None if unknown."""
        raise NotImplementedError(f"{type(self).__name__} needs `cost`.")

    def penalty(self, rows: Tensor, codes: Tensor | None = None) -> Tensor:
        """Return the weighted cost of a batch."""
        return self.weight * self.cost(as_wide_float(rows), codes)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the weighted cost of rows of unknown classes; Keras calls this."""
        return self.penalty(x)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"weight": self.weight}


@keras.saving.register_keras_serializable(package="keras_similarity")
class LpRegularizer(EmbeddingRegularizer):
    """The mean of the p-norm of a row, to a power.

    Args:
        weight: See `EmbeddingRegularizer`.
        p: ≥ 1.
        power: > 0.

    Example:
        >>> float(LpRegularizer(0.5)(np.array([[3.0, 4.0], [0.0, 0.0]])))
        1.25
    """

    def __init__(self, weight: float = 1.0, *, p: float = 2.0, power: float = 1.0) -> None:
        super().__init__(weight)
        self.p = check_number(p, name="p", at_least=1, hint="2 is the Euclidean norm.")
        self.power = check_number(power, name="power", above=0, hint="1 is the norm itself.")

    def cost(self, rows: Tensor, codes: Tensor | None) -> Tensor:
        """Return the mean over the rows; a row of zeros has no gradient."""
        sums = ops.sum(ops.power(ops.abs(rows), self.p), axis=1)
        exponent = self.power / self.p
        if exponent == 0.5:
            return ops.mean(safe_sqrt(sums))
        # The slope of a root at 0 is infinite: it is taken at 1 there, and the 0 put back.
        positive = sums > 0
        return ops.mean(ops.where(positive, ops.power(ops.where(positive, sums, 1.0), exponent), 0.0))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"p": self.p, "power": self.power}


@keras.saving.register_keras_serializable(package="keras_similarity")
class CenterInvariantRegularizer(EmbeddingRegularizer):
    """A quarter of the variance of the rows' squared norms: all should be of one length.

    Args:
        weight: See `EmbeddingRegularizer`.

    Example:
        >>> float(CenterInvariantRegularizer()(np.array([[1.0, 0.0], [0.0, 3.0]])))
        4.0

    References:
        Wu et al., Deep Face Recognition with Center Invariant Loss, 2017, doi:10.1145/3126686.3126693, eq. (5), with
        the rows of the batch in the place of class centres, as in pytorch-metric-learning.
    """

    def cost(self, rows: Tensor, codes: Tensor | None) -> Tensor:
        """Return the mean over the rows."""
        squares = ops.sum(rows * rows, axis=1)
        return ops.mean(ops.square(squares - ops.mean(squares))) / 4.0


@keras.saving.register_keras_serializable(package="keras_similarity")
class ZeroMeanRegularizer(EmbeddingRegularizer):
    """The mean of the absolute value of the sum of a row's numbers.

    Args:
        weight: See `EmbeddingRegularizer`.

    Example:
        >>> float(ZeroMeanRegularizer()(np.array([[1.0, -1.0], [2.0, 1.0]])))
        1.5

    References:
        pytorch-metric-learning's `ZeroMeanRegularizer`.
    """

    def cost(self, rows: Tensor, codes: Tensor | None) -> Tensor:
        """Return the mean over the rows."""
        return ops.mean(ops.abs(ops.sum(rows, axis=1)))


@keras.saving.register_keras_serializable(package="keras_similarity")
class SpreadOutRegularizer(EmbeddingRegularizer):
    """How far the cosines of rows that do not match are from those of points spread evenly over the sphere.

    Definition, with M₁ the mean of their cosines and M₂ the mean of the squares: M₁² + max(0, M₂ − 1/d).

    Args:
        weight: See `EmbeddingRegularizer`.

    Rows match when their classes are equal; without classes, as `activity_regularizer`, no two rows do. Without a
    pair that does not match the cost is 0. Cost: O(b² d) time, one (b, b) matrix.

    Example:
        >>> float(SpreadOutRegularizer()(np.array([[1.0, 0.0], [2.0, 0.0]])))
        1.5

    References:
        Zhang et al., Learning Spread-Out Local Feature Descriptors, 2017, arXiv:1708.06320, eq. (6).
    """

    def cost(self, rows: Tensor, codes: Tensor | None) -> Tensor:
        """Return the cost of the pairs that do not match."""
        unit = unit_rows(rows)
        classes = ops.arange(ops.shape(rows)[0]) if codes is None else codes
        apart = ops.cast(ops.not_equal(classes[:, None], classes[None, :]), rows.dtype)
        cosines = ops.matmul(unit, ops.transpose(unit)) * apart
        count = ops.sum(apart)
        first, second = (ops.sum(part) / ops.maximum(count, 1.0) for part in (cosines, cosines * cosines))
        return ops.where(count > 0, ops.square(first) + ops.relu(second - 1.0 / rows.shape[1]), 0.0)
