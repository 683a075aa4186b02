"""Reducers: the values of the anchors of a batch → the number that is minimised."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.losses.arguments import check_number_or_none
from keras_similarity.ops import masked_mean, sums_of_classes

__all__ = ["LinearReducer", "Reducer", "ThresholdReducer", "get_reducer", "reducer_names", "saved_reducer"]

Tensor = Any


class Reducer:
    """Turns one value per anchor into a scalar, or into what it likes.

    A subclass gives `__call__`; `reduction=` of every loss takes one, or the name of one of this package's.

    Example:
        >>> from keras_similarity.losses import TripletLoss
        >>> class Worst(Reducer):
        ...     def __call__(self, values, *, contributing, pairs, codes, weights):
        ...         return ops.max(values)
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], "float32")
        >>> [f"{float(TripletLoss(reduction=reduction)([0, 0, 1, 1], x)):.2f}" for reduction in ("mean", Worst())]
        ['0.15', '0.30']
    """

    name = "reducer"

    def __call__(
        self, values: Tensor, *, contributing: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Return the loss.

        Args:
            values: One per anchor, `(b,)`, 0 where it does not contribute.
            contributing: Which anchors have something to compare, boolean `(b,)`.
            pairs: How many positives each anchor has, `(b,)`.
            codes: Equal where the classes are, `(b,)`.
            weights: Sample weights `(b,)`, or None. They scale an anchor's pull, and leave the denominator alone.
        """
        raise NotImplementedError(f"{type(self).__name__} needs `__call__`.")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Reducer":
        """Rebuild a reducer."""
        return cls(**config)


class LinearReducer(Reducer):
    """A sum of the anchors' values, each times a share that does not depend on any value.

    A subclass gives `shares`. The gradient of such a sum can be computed with it, anchor by anchor.

    Example:
        >>> class SumOverPairs(LinearReducer):
        ...     def shares(self, counted, pairs, codes, weights):
        ...         return counted / ops.maximum(pairs, 1.0)
        >>> anchors = {"contributing": ops.array([True, True]), "pairs": ops.array([2, 3])}
        >>> anchors |= {"codes": ops.array([0, 1]), "weights": None}
        >>> float(SumOverPairs()(ops.array([4.0, 6.0]), **anchors))
        4.0
    """

    def shares(self, counted: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None) -> Tensor:
        """Return what each anchor's value counts, `(b,)`; `counted` is 1 where it contributes, else 0."""
        raise NotImplementedError(f"{type(self).__name__} needs `shares`.")

    def __call__(
        self, values: Tensor, *, contributing: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Return the loss."""
        counted, pairs = (ops.cast(part, values.dtype) for part in (contributing, pairs))
        return ops.sum(values * self.shares(counted, pairs, codes, weights))


class _Mean(LinearReducer):
    name = "mean"

    def shares(self, counted: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None) -> Tensor:
        return _weighted(counted, weights) / ops.maximum(ops.sum(counted), 1.0)


class _MeanOfPairs(LinearReducer):
    name = "mean_pairs"

    def shares(self, counted: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None) -> Tensor:
        return _weighted(counted * pairs, weights) / ops.maximum(ops.sum(counted * pairs), 1.0)


class _MeanOfClasses(LinearReducer):
    name = "mean_classes"

    def shares(self, counted: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None) -> Tensor:
        of_class = counted / ops.maximum(sums_of_classes(codes, counted), 1.0)
        # They add up to 1 over a class: their sum is the number of classes that have a value.
        return _weighted(of_class, weights) / ops.maximum(ops.sum(of_class), 1.0)


class _Sum(LinearReducer):
    name = "sum"

    def shares(self, counted: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None) -> Tensor:
        return _weighted(counted, weights)


class _Unreduced(Reducer):
    name = "none"

    def __call__(
        self, values: Tensor, *, contributing: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None
    ) -> Tensor:
        return _weighted(values, weights)


@keras.saving.register_keras_serializable(package="keras_similarity")
class ThresholdReducer(Reducer):
    """The mean over the anchors whose value lies between two limits, both excluded.

    With `low=0`, the mean over the anchors that still cost something: pytorch-metric-learning's `AvgNonZeroReducer`.
    Training then shows in how many anchors cost something, and less in the loss.

    Args:
        low: Smaller values, and this one, are left out; None for no limit.
        high: The same for larger ones.

    Raises:
        ValueError: a limit that is no number, or limits that leave nothing.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], "float32")
        >>> from keras_similarity.losses import TripletLoss
        >>> f"{float(TripletLoss(reduction=ThresholdReducer(low=0))([0, 0, 1, 1], x)):.3f}"
        '0.300'
    """

    name = "threshold"

    def __init__(self, low: float | None = 0.0, high: float | None = None) -> None:
        hint = "Pass a value of the loss, or None for no limit."
        self.low = check_number_or_none(low, name="low", hint=hint)
        self.high = check_number_or_none(high, name="high", hint=hint)
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"`low` must be below `high`: got {self.low:g} and {self.high:g}.\n  {hint}")

    def __call__(
        self, values: Tensor, *, contributing: Tensor, pairs: Tensor, codes: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Return the mean of the values between the limits, exactly 0 where there is none."""
        chosen = contributing
        if self.low is not None:
            chosen = ops.logical_and(chosen, values > self.low)
        if self.high is not None:
            chosen = ops.logical_and(chosen, values < self.high)
        return masked_mean(values, chosen, weights)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"low": self.low, "high": self.high}


_NAMED = {reducer.name: reducer for reducer in (_Mean(), _MeanOfPairs(), _MeanOfClasses(), _Sum(), _Unreduced())}


def reducer_names() -> list[str]:
    """Return the names that `reduction=` takes, sorted.

    Example:
        >>> reducer_names()
        ['mean', 'mean_classes', 'mean_pairs', 'none', 'sum']
    """
    return sorted(_NAMED)


def saved_reducer(reducer: Reducer) -> str | dict[str, Any]:
    """Return what `get_reducer` finds a reducer by: its name, or its saved form where it is no reducer of ours.

    Example:
        >>> saved_reducer(get_reducer("mean")), saved_reducer(ThresholdReducer(low=1))["config"]
        ('mean', {'low': 1.0, 'high': None})
    """
    saved: Any = keras.saving.serialize_keras_object(reducer)
    return reducer.name if _NAMED.get(reducer.name) is reducer else saved


def get_reducer(reduction: str | Reducer | dict[str, Any] | None) -> Reducer:
    """Return the reducer of this name, or the reducer itself.

    Args:
        reduction: "mean" over the anchors that contribute, "mean_pairs" over their positive pairs, "mean_classes"
            over the classes' means, "sum", "none" or None for one value per anchor; a `Reducer`, or its saved form.

    Raises:
        ValueError: no reducer has this name.

    Example:
        >>> anchors = {"contributing": ops.array([True, True, False]), "pairs": ops.array([1, 3, 0])}
        >>> anchors |= {"codes": ops.array([0, 1, 2]), "weights": None}
        >>> values = ops.array([1.0, 2.0, 0.0])
        >>> [float(get_reducer(name)(values, **anchors)) for name in ("mean", "mean_pairs", "sum")]
        [1.5, 1.75, 3.0]
    """
    if isinstance(reduction, dict):
        return keras.saving.deserialize_keras_object(reduction)
    if isinstance(reduction, Reducer):
        return reduction
    name = "none" if reduction is None else reduction
    check_choice(name, _NAMED, name="reduction", hint="Pass one of these names, or a `Reducer`.")
    return _NAMED[name]


def _weighted(values: Tensor, weights: Tensor | None) -> Tensor:
    return values if weights is None else values * weights
