"""The collapse probe: how widely the directions of activations spread, as a metric.

A metric, since a layer cannot log by itself: what a layer's call does to a metric is lost on JAX.
"""

from typing import Any

import keras
from keras import ops

from keras_similarity.ops import as_wide_float, unit_rows

__all__ = ["ActivationStd"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class ActivationStd(keras.metrics.Metric):
    """The standard deviation of rows brought to length 1, per dimension over all rows seen, averaged over dimensions.

    About 1/√d where directions spread evenly over d dimensions; near 0 where the network has collapsed, and gives
    every example the same direction. Give it to `compile` for the output to watch, a projection for example:
    `metrics={"projection": ActivationStd()}`. It takes no part in the loss and needs no labels.

    Args:
        name: Name in logs.
        dtype: As in `keras.metrics.Metric`; the arithmetic is float32 or wider.

    Called as `metric.update_state(y_true, y_pred, sample_weight=None)`: y_true is not used, y_pred `(…, d)`;
    a sample weight counts its row that many times. The result does not depend on how rows fall into batches, and is
    0 before the first one.

    Example:
        >>> metric = ActivationStd()
        >>> metric.update_state(None, np.random.default_rng(0).normal(size=(500, 4)))
        >>> f"{float(metric.result()):.2f}"
        '0.50'

    References:
        Chen and He, Exploring Simple Siamese Representation Learning, 2020, arXiv:2011.10566, section 4.1.
    """

    def __init__(self, name: str = "activation_std", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._built_for: int | None = None

    def update_state(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Count rows in, by the update of means and squares of Chan et al., which does not cancel digits."""
        y_pred = as_wide_float(y_pred)
        self._create(y_pred.shape[-1])
        rows: Tensor = ops.cast(unit_rows(ops.reshape(y_pred, (-1, y_pred.shape[-1]))), "float32")
        weights = ops.ones_like(rows[:, :1])
        if sample_weight is not None:
            weights = weights * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        new = ops.sum(weights)
        mean = ops.sum(weights * rows, axis=0) / ops.maximum(new, 1e-12)
        squares = ops.sum(weights * ops.square(rows - mean), axis=0)
        total = ops.maximum(self.count + new, 1e-12)
        gap = mean - self.mean
        self.squares.assign(self.squares + squares + ops.square(gap) * (self.count * new / total))
        self.mean.assign(self.mean + gap * (new / total))
        self.count.assign(self.count + new)

    def result(self) -> Tensor:
        """Return the average standard deviation, in [0, 1]."""
        if self._built_for is None:
            return ops.zeros(())
        variances: Tensor = self.squares / ops.maximum(self.count, 1e-12)
        return ops.mean(ops.sqrt(variances))

    def _create(self, width: int) -> None:
        if self._built_for is None:
            self._built_for = width
            self.count = self._variable("count", ())
            self.mean = self._variable("mean", (width,))
            self.squares = self._variable("squares", (width,))
        elif self._built_for != width:
            raise ValueError(
                f"`{self.name}` has seen activations of {self._built_for} dimensions, and now gets {width}.\n"
                "  Give each output a metric of its own."
            )

    def _variable(self, name: str, shape: tuple[int, ...]) -> Any:
        # float32 at least: in half precision a count stands still at 256.
        return self.add_variable(shape, "zeros", dtype="float32", name=name)
