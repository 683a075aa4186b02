"""What every loss over the pairs of a batch shares: exact labels, wide arithmetic, and who counts in the mean.

Keras casts labels to the loss's float type before it calls a loss, so that the classes 2²⁴ and 2²⁴ + 1 become
one; `MetricLoss` takes over before that happens.
"""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.ops import masked_mean, pair_masks, pairwise_distances

__all__ = ["MetricLoss", "batch_pairs"]

Tensor = Any
REDUCTIONS = ("mean", "none", "sum")


class MetricLoss(keras.losses.Loss):
    """A loss over the pairs of a batch; subclasses say what one anchor contributes.

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
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}: got {reduction!r}.\n"
                "  'mean' is the usual one: the mean over the anchors that have a positive and a negative."
            )
        super().__init__(name=name, reduction=reduction)
        self.distance = get_distance(distance)

    def anchor_losses(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return what each anchor contributes, `(b,)`, from distances and pair masks `(b, n)`."""
        raise NotImplementedError(f"{type(self).__name__} needs `anchor_losses`.")

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
        distances, positives, negatives = batch_pairs(labels, embeddings, self.distance)
        contributing = ops.logical_and(ops.any(positives, axis=1), ops.any(negatives, axis=1))
        values = self.anchor_losses(distances, positives, negatives)
        return ops.where(contributing, values, 0.0), contributing


def batch_pairs(labels: Any, embeddings: Tensor, distance: str | Distance) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distances of all pairs of a batch, and which pairs are positive and which negative.

    Args:
        labels: `(b,)` or `(b, 1)`.
        embeddings: `(b, d)`.
        distance: Name or `Distance`.

    Returns:
        Distances, positives and negatives, each `(b, b)`.

    Raises:
        ValueError: embeddings that are not 2-D, or another number of labels than rows.
    """
    codes = _codes(labels)
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
    positives, negatives = pair_masks(codes)
    return pairwise_distances(embeddings, embeddings, distance), positives, negatives


def _codes(labels: Any) -> Tensor:
    """Return labels as a 1-D tensor whose entries are equal where the labels are, and nowhere else."""
    if not ops.is_tensor(labels):
        # On the host every value is exact: 64-bit ids and strings too. A tensor would be cut to 32 bits on JAX.
        return ops.convert_to_tensor(LabelVocabulary().encode(labels))
    return _one_per_row(labels, None)


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
