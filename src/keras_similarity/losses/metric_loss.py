"""What every loss over the pairs of a batch shares: exact labels, wide arithmetic, and who counts in the mean.

Keras casts labels to the loss's float type before it calls a loss, so that the classes 2²⁴ and 2²⁴ + 1 become
one; `MetricLoss` takes over before that happens.
"""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.ops import as_wide_float, masked_mean, pair_counts, pair_masks, pairwise_distances

__all__ = ["MetricLoss"]

Tensor = Any
REDUCTIONS = ("mean", "none", "sum")


class MetricLoss(keras.losses.Loss):
    """A loss over the pairs of a batch; subclasses say what one anchor contributes.

    A subclass gives `anchor_losses`, from distances, or `row_losses` where it needs more than those.

    An anchor without a positive or without a negative gives exactly 0, has no gradient, and is left out of the mean.

    Args:
        distance: Name or `Distance` that compares embeddings.
        reduction: "mean" over the anchors that contribute, "sum", or "none" for one value per anchor.
        name: Name in logs.

    Raises:
        ValueError: an unknown distance or reduction.

    Called as `loss(labels, embeddings, sample_weight=None)`: labels `(b,)` or `(b, 1)`, embeddings `(b, d)`. Labels
    outside a framework (lists, NumPy arrays) may be any hashable values; tensors are compared in their own type.
    """

    def __init__(
        self, *, distance: str | Distance = "cosine", reduction: str | None = "mean", name: str | None = None
    ) -> None:
        reduction = "none" if reduction is None else reduction
        check_choice(reduction, REDUCTIONS, name="reduction")
        super().__init__(name=name, reduction=reduction)
        self.distance = get_distance(distance)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return what each anchor contributes, `(b,)`, from distances and pair masks `(b, n)`."""
        raise NotImplementedError(f"{type(self).__name__} needs `anchor_losses`.")

    def row_losses(self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return what each anchor contributes, `(b,)`, from its row, the keys it is compared with and pair masks.

        Args:
            rows: The anchors `(b, d)`, float32 or wider.
            keys: What they are compared with, `(n, d)`: the same rows, or others.
            positives, negatives: Boolean `(b, n)`.
        """
        return self.anchor_losses(pairwise_distances(rows, keys, self.distance), positives, negatives)

    def contributes(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return which anchors have a value and count in the mean, `(b,)`, from their numbers of pairs, two `(b,)`."""
        return ops.logical_and(positives > 0, negatives > 0)

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """Return one value per anchor, `(b,)`."""
        return self._values(y_true, y_pred)[0]

    def __call__(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """Return the reduced loss; Keras calls this."""
        with keras.name_scope(self.name):
            values, contributing = self._values(y_true, y_pred)
            weights = None if sample_weight is None else _one_per_row(sample_weight, values.dtype)
            if self.reduction == "mean":
                return masked_mean(values, contributing, weights)
            values = values if weights is None else values * weights
            return ops.sum(values) if self.reduction == "sum" else values

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"distance": self.distance.name, "reduction": self.reduction, "name": self.name}

    def _values(self, labels: Any, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        codes = _codes(labels)
        _check_rows(codes, embeddings)
        rows = as_wide_float(embeddings)
        contributing = self.contributes(*pair_counts(codes))
        values = self.row_losses(rows, rows, *pair_masks(codes))
        return ops.where(contributing, values, 0.0), contributing


def _check_rows(codes: Tensor, embeddings: Tensor) -> None:
    """Raise a ValueError unless embeddings are `(b, d)` with as many rows as there are labels."""
    if len(embeddings.shape) != 2:
        raise ValueError(
            f"`embeddings` needs shape (b, d): got {tuple(embeddings.shape)}.\n"
            "  End the model in one row per item: `MetricEmbedding`, or a pooling layer before it."
        )
    rows, entries = embeddings.shape[0], codes.shape[0]
    if None not in (rows, entries) and rows != entries:
        raise ValueError(
            f"`labels` needs one entry per embedding row: got {entries} labels for embeddings of shape "
            f"{tuple(embeddings.shape)}.\n  Pass the labels of the same batch."
        )


def _codes(labels: Any) -> Tensor:
    """Return labels as a 1-D tensor whose entries are equal where the labels are, and nowhere else."""
    if not ops.is_tensor(labels):
        # On the host every value is exact: 64-bit ids and strings too. A tensor would be cut to 32 bits on JAX.
        return ops.convert_to_tensor(LabelVocabulary().encode(labels))
    codes = _one_per_row(labels, None)
    # Two classes as booleans: TensorFlow and torch do not sort those.
    return ops.cast(codes, "int32") if ops.dtype(codes) == "bool" else codes


def _one_per_row(values: Any, dtype: str | None) -> Tensor:
    values = ops.convert_to_tensor(values, dtype=dtype)
    shape = values.shape
    if len(shape) == 2 and shape[1] == 1:
        return ops.squeeze(values, axis=1)
    if len(shape) != 1:
        raise ValueError(
            f"labels and sample weights need one entry per row, shape (b,): got {tuple(shape)}.\n"
            "  For one-hot labels, pass `labels.argmax(axis=1)`."
        )
    return values
