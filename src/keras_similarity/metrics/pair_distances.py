"""How far apart the pairs of a batch are, while a model trains: the mean over every batch of the epoch."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.ops import (
    as_codes,
    check_label_count,
    masked_max,
    masked_min,
    masked_row_mean,
    pair_masks,
    pairwise_distances,
    row_weights,
    whole_batch,
)

__all__ = ["DistanceGap", "NegativeDistance", "PositiveDistance"]

Tensor = Any
PICKS = ("easiest", "hardest", "mean")


class PairMetric(keras.metrics.Metric):
    """A mean over anchors of what their pairs in the same batch say; subclasses say what that is.

    Args:
        distance: Name or `Distance` that compares embeddings.
        pick: Which of an anchor's pairs count: the "mean" of all, the "hardest" (the farthest positive, the nearest
            negative), or the "easiest".
        name, dtype: As for every Keras metric.

    Raises:
        ValueError: an unknown distance or pick.

    Called with labels `(b,)` or `(b, 1)`, exact whole numbers as samplers hand out, and embeddings `(b, d)`; lists and
    NumPy arrays may hold any hashable labels. An anchor without a pair of the kind is left out; NaN where no anchor of
    any batch has one.

    Cost: O(b² d) time, one (b, b) matrix.
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        pick: str = "mean",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        check_choice(pick, PICKS, name="pick")
        super().__init__(name=name, dtype=dtype)
        self.distance = get_distance(distance)
        self.pick = pick
        self._total = self.add_weight(shape=(), initializer="zeros", name="total")
        self._anchors = self.add_weight(shape=(), initializer="zeros", name="anchors")

    def update_state(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Add a batch; a sample weight is how much an anchor counts in the mean."""
        y_true, y_pred, sample_weight = whole_batch(y_true, ops.convert_to_tensor(y_pred), sample_weight)
        codes = as_codes(y_true)
        check_label_count(codes, y_pred)
        distances = pairwise_distances(y_pred, y_pred, self.distance)
        values, counting = self._anchor_values(distances, *pair_masks(codes))
        weights, given = ops.cast(counting, values.dtype), row_weights(sample_weight, values)
        weights = weights if given is None else weights * given
        self._total.assign_add(ops.cast(ops.sum(ops.where(counting, values, 0.0) * weights), self._total.dtype))
        self._anchors.assign_add(ops.cast(ops.sum(weights), self._anchors.dtype))

    def result(self) -> Tensor:
        """Return the mean so far, a scalar in units of the distance."""
        anchors = ops.convert_to_tensor(self._anchors)
        some = ops.greater(anchors, 0)
        return ops.where(some, self._total / ops.where(some, anchors, 1.0), float("nan"))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"distance": self.distance.name, "pick": self.pick, "name": self.name, "dtype": self.dtype}

    def _anchor_values(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """Return each anchor's value and whether it has one, two `(b,)`."""
        raise NotImplementedError(f"{type(self).__name__} needs `_anchor_values`.")

    def _picked(self, distances: Tensor, chosen: Tensor, *, farthest_is_hardest: bool) -> Tensor:
        """Return one distance of each anchor, of those chosen, `(b,)`."""
        if self.pick == "mean":
            return masked_row_mean(distances, chosen)
        farthest = (self.pick == "hardest") == farthest_is_hardest
        return masked_max(distances, chosen) if farthest else masked_min(distances, chosen)


@keras.saving.register_keras_serializable(package="keras_similarity")
class PositiveDistance(PairMetric):
    """How far an anchor is from the items of its label in the batch; falls while a model learns.

    Args:
        distance, pick, name, dtype: See `PairMetric`: "hardest" is the farthest positive.

    Example:
        >>> metric = PositiveDistance("euclidean")
        >>> metric.update_state([0, 0, 1, 2], np.array([[0.0], [3.0], [9.0], [5.0]]))
        >>> float(metric.result())
        3.0
    """

    _direction = "down"

    def __init__(
        self,
        distance: str | Distance = "cosine",
        pick: str = "mean",
        name: str | None = "positive_distance",
        dtype: Any = None,
    ) -> None:
        super().__init__(distance, pick, name, dtype)

    def _anchor_values(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        return self._picked(distances, positives, farthest_is_hardest=True), ops.any(positives, axis=1)


@keras.saving.register_keras_serializable(package="keras_similarity")
class NegativeDistance(PairMetric):
    """How far an anchor is from the items of other labels in the batch; rises while a model learns.

    Args:
        distance, pick, name, dtype: See `PairMetric`: "hardest" is the nearest negative.

    Example:
        >>> metric = NegativeDistance("euclidean", pick="hardest")
        >>> metric.update_state([0, 0, 1, 2], np.array([[0.0], [3.0], [9.0], [5.0]]))
        >>> float(metric.result())  # the mean of 5, 2, 4 and 2
        3.25
    """

    _direction = "up"

    def __init__(
        self,
        distance: str | Distance = "cosine",
        pick: str = "mean",
        name: str | None = "negative_distance",
        dtype: Any = None,
    ) -> None:
        super().__init__(distance, pick, name, dtype)

    def _anchor_values(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        return self._picked(distances, negatives, farthest_is_hardest=False), ops.any(negatives, axis=1)


@keras.saving.register_keras_serializable(package="keras_similarity")
class DistanceGap(PairMetric):
    """How much farther an anchor's negatives are than its positives; below 0 they are nearer.

    With pick="hardest" it is the gap between the nearest negative and the farthest positive: above 0, one threshold
    tells the two apart. Only anchors with both count.

    Args:
        distance, pick, name, dtype: See `PairMetric`.

    Example:
        >>> metric = DistanceGap("euclidean", pick="hardest")
        >>> metric.update_state([0, 0, 1, 2], np.array([[0.0], [3.0], [9.0], [5.0]]))
        >>> float(metric.result())  # the mean of 5 − 3 and 2 − 3; the others have no positive
        0.5
    """

    _direction = "up"

    def __init__(
        self,
        distance: str | Distance = "cosine",
        pick: str = "mean",
        name: str | None = "distance_gap",
        dtype: Any = None,
    ) -> None:
        super().__init__(distance, pick, name, dtype)

    def _anchor_values(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        near = self._picked(distances, positives, farthest_is_hardest=True)
        far = self._picked(distances, negatives, farthest_is_hardest=False)
        return far - near, ops.logical_and(ops.any(positives, axis=1), ops.any(negatives, axis=1))
