"""What every loss over the pairs of a batch shares: exact labels, wide arithmetic, and who counts in the mean.

Keras casts labels to the loss's float type before it calls a loss, so that the classes 2²⁴ and 2²⁴ + 1 become
one; `MetricLoss` takes over before that happens.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_similarity.core.checks import check_whole
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.losses.chunked import compare_in_chunks, loss_in_one_pass
from keras_similarity.losses.comparison import Anchors, Comparison, known_counts
from keras_similarity.losses.miners import Miner
from keras_similarity.losses.reducers import LinearReducer, Reducer, get_reducer, saved_reducer
from keras_similarity.losses.regularizers import EmbeddingRegularizer
from keras_similarity.ops import (
    as_codes,
    as_wide_float,
    check_label_count,
    nan_where_fractional,
    pair_masks,
    pairwise_distances,
    replica_share,
    row_weights,
    whole_batch,
)

__all__ = ["MetricLoss"]

Tensor = Any
# From here on a (b, b) matrix is 16 MB and more: to have it written by the system's fresh pages costs more than to
# compute it twice, in chunks that stay in the cache.
BIG_BATCH = 2048
CACHED_ROWS = 256


class MetricLoss(keras.losses.Loss):
    """A loss over the pairs of a batch; subclasses say what one anchor contributes.

    A subclass gives `anchor_losses`, from distances, or `row_losses` where it needs more than those.

    An anchor without a positive or without a negative gives exactly 0, has no gradient, and is left out of the mean.

    Args:
        distance: Name or `Distance` that compares embeddings.
        reduction: "mean" over the anchors that contribute, "mean_pairs", "mean_classes", "sum", "none" for one value
            per anchor, or a `Reducer`; see `reducers.get_reducer`.
        name: Name in logs.
        miner: Chooses the pairs that are compared; None for all. See `losses.miners`.
        embedding_regularizer: Added to the loss; see `losses.regularizers`.
        chunk_size: Anchors that are compared at a time, for big batches: the same value and gradient, in memory of
            O(chunk_size · n). None for what is quickest: all at once for batches below 2,048.

    Raises:
        ValueError: an unknown distance or reduction, or a chunk size below 1.

    Called as `loss(labels, embeddings, sample_weight=None)`: labels `(b,)` or `(b, 1)`, embeddings `(b, d)`. Labels
    outside a framework (lists, NumPy arrays) may be any hashable values; tensors are compared in their own type. Where
    those are not whole numbers, as scores are not, it is a ValueError; in a compiled function the loss is NaN.

    Embeddings `(b, 2, d)` are two views of each item, such as an image and its text: the first views are the
    anchors, and the second ones are what they are compared with, the anchor's own being one of its positives.

    In a training of several replicas the batch is that of all of them: see the guide to distributed training.

    Example:
        >>> from keras_similarity.ops import masked_row_mean
        >>> class Pull(MetricLoss):
        ...     def anchor_losses(self, distances, positives, negatives):
        ...         return masked_row_mean(distances, positives)
        >>> x = np.array([[0.0], [3.0], [9.0], [10.0]], "float32")
        >>> f"{float(Pull(distance='euclidean')([0, 0, 1, 1], x)):.2f}"  # the mean of 3, 3, 1 and 1
        '2.00'
    """

    only_distances: ClassVar[bool] = False  # of a subclass whose own `row_losses` takes nothing else of the rows

    def __init__(
        self,
        *,
        distance: str | Distance = "cosine",
        reduction: str | Reducer | dict[str, Any] | None = "mean",
        name: str | None = None,
        miner: Miner | dict[str, Any] | None = None,
        embedding_regularizer: EmbeddingRegularizer | dict[str, Any] | None = None,
        chunk_size: int | None = None,
    ) -> None:
        super().__init__(name=name, reduction="none")
        self.reducer = get_reducer(reduction)
        self.reduction = self.reducer.name
        self.distance = get_distance(distance)
        self.miner = _part(miner, Miner, name="miner", where="miners")
        self.embedding_regularizer = _part(
            embedding_regularizer, EmbeddingRegularizer, name="embedding_regularizer", where="regularizers"
        )
        self.chunk_size = None if chunk_size is None else check_whole(chunk_size, name="chunk_size", minimum=1)

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

    def reads_rows(self) -> bool:
        """Whether rows are looked at beside their distances: then they come as they are, not as distances need them."""
        own = type(self).row_losses is not MetricLoss.row_losses and not self.only_distances
        return own or self.miner is not None

    def compares_keys(self) -> bool:
        """Whether `row_losses` needs distances between keys: then chunks of rows would compute them again and again."""
        return False

    def contributes(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return which anchors have a value and count in the mean, `(b,)`, from their numbers of pairs, two `(b,)`."""
        return ops.logical_and(positives > 0, negatives > 0)

    def compare(
        self,
        rows: Tensor,
        keys: Tensor,
        positives: Tensor,
        negatives: Tensor,
        counts: tuple[Tensor, Tensor] | None = None,
    ) -> Comparison:
        """Mine the pairs and compare them; the arguments are those of `row_losses`.

        `counts` are the numbers of positives and negatives, where they are known.
        """
        if self.miner is not None:
            positives, negatives = self.miner(rows, keys, positives, negatives, self.distance)
            counts = None
        if counts is None:
            counts = _row_sums(positives), _row_sums(negatives)
        contributing = self.contributes(*counts)
        values = ops.where(contributing, self.row_losses(rows, keys, positives, negatives), 0.0)
        return Comparison(values, contributing, counts[0])

    def anchors_of(self, labels: Any, embeddings: Tensor) -> Anchors:
        """Return the anchors and keys of a batch, checked."""
        codes = as_codes(labels)
        _check_rows(codes, embeddings)
        rows = as_wide_float(embeddings)
        if len(rows.shape) == 3:
            return Anchors(rows[:, 0], codes, rows[:, 1], codes, among_keys=False)
        return Anchors(rows, codes, rows, codes, among_keys=True)

    def directions(self, anchors: Anchors) -> tuple[Anchors, ...]:
        """Return what is compared with what: the mean over these counts. The anchors' classes are the same in each."""
        return (anchors,)

    def comparison(self, anchors: Anchors) -> Comparison:
        """Compare anchors with their keys, at once or in chunks, in each direction."""
        first, *others = (self._compared(direction) for direction in self.directions(anchors))
        values = sum((other.values for other in others), first.values)
        return first._replace(values=values / (1 + len(others))) if others else first

    def _compared(self, anchors: Anchors) -> Comparison:
        size = self.chunk_size
        if size is None and keras.backend.backend() != "torch":
            size = self._own_chunk_size(anchors)
        if size is not None:
            return compare_in_chunks(self, anchors, size)
        rows, codes, keys, key_codes, among_keys, present = anchors
        itself = ops.arange(ops.shape(codes)[0]) if among_keys else None
        positives, negatives = pair_masks(codes, key_codes, itself=itself)
        if present is not None:
            positives, negatives = (ops.logical_and(mask, present[None]) for mask in (positives, negatives))
        return self.compare(rows, keys, positives, negatives, known_counts(anchors))

    def _own_chunk_size(self, anchors: Anchors) -> int | None:
        """Return the size of chunks for a big batch whose matrices would cost more than computing them in parts."""
        count = anchors.rows.shape[0]
        big = count is not None and count >= BIG_BATCH
        return CACHED_ROWS if big and self.miner is None and not self.compares_keys() else None

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """Return one value per anchor, `(b,)`."""
        return self.comparison(self.anchors_of(y_true, y_pred)).values

    def __call__(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """Return the reduced loss; Keras calls this."""
        with keras.name_scope(self.name):
            # Lists have no shape, which checks look at before anything is computed.
            y_true, y_pred, sample_weight = whole_batch(y_true, ops.convert_to_tensor(y_pred), sample_weight)
            anchors = self.anchors_of(y_true, y_pred)
            size = self._one_pass_size(anchors)
            counts = None if size is None else known_counts(anchors)
            if size is None or counts is None:
                loss = self.reduced(anchors, self.comparison(anchors), sample_weight)
            else:
                loss = self._in_one_pass(anchors, counts, size, sample_weight)
            if len(anchors.codes.shape) == 2:  # rows of chances, which may be any numbers
                return replica_share(loss)
            return replica_share(loss) + nan_where_fractional(y_true)

    def reduced(self, anchors: Anchors, comparison: Comparison, sample_weight: Any = None) -> Tensor:
        """Return the loss from what its anchors contribute."""
        values, contributing, pairs = comparison
        weights = row_weights(sample_weight, values)
        codes = anchors.codes
        loss = self.reducer(values, contributing=contributing, pairs=pairs, codes=codes, weights=weights)
        return self._regularized(loss, anchors)

    def _one_pass_size(self, anchors: Anchors) -> int | None:
        """Return how many anchors to compare at a time, where the gradient can be computed with the loss."""
        plain = self.miner is None and type(self).comparison is MetricLoss.comparison
        linear = isinstance(self.reducer, LinearReducer)
        return (self.chunk_size or self._own_chunk_size(anchors)) if plain and linear else None

    def _in_one_pass(self, anchors: Anchors, counts: tuple[Tensor, Tensor], size: int, sample_weight: Any) -> Tensor:
        positives, negatives = counts
        contributing = self.contributes(positives, negatives)
        kind = anchors.rows.dtype
        shares = self.reducer.shares(
            ops.cast(contributing, kind),
            ops.cast(positives, kind),
            anchors.codes,
            row_weights(sample_weight, anchors.rows),
        )
        directions = self.directions(anchors)
        loss = sum(loss_in_one_pass(self, direction, size, counts, shares) for direction in directions)
        return self._regularized(loss / len(directions), anchors)

    def _regularized(self, loss: Tensor, anchors: Anchors) -> Tensor:
        if self.embedding_regularizer is None:
            return loss
        rows, codes = anchors.rows, anchors.codes
        if not anchors.among_keys:  # two views of each item; past ones may come behind
            views = [anchors.keys[: ops.shape(rows)[0]], anchors.key_codes[: ops.shape(rows)[0]]]
            rows, codes = (ops.concatenate(pair) for pair in zip((rows, codes), views, strict=True))
        return loss + self.embedding_regularizer.penalty(rows, codes)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {
            "distance": self.distance.name,
            "reduction": saved_reducer(self.reducer),
            "name": self.name,
            "miner": _saved(self.miner),
            "embedding_regularizer": _saved(self.embedding_regularizer),
            "chunk_size": self.chunk_size,
        }


def _row_sums(mask: Tensor) -> Tensor:
    return ops.sum(ops.cast(mask, "int32"), axis=1)


def _part(part: Any, kind: type, *, name: str, where: str) -> Any:
    """Return a part of a loss, revived where it was saved, or raise a TypeError."""
    part = keras.saving.deserialize_keras_object(part) if isinstance(part, dict) else part
    if part is not None and not isinstance(part, kind):
        raise TypeError(
            f"`{name}` must be a {kind.__name__}, or None: got {part!r:.80}.\n"
            f"  Pass one of those in `keras_similarity.losses.{where}`."
        )
    return part


def _saved(part: Any) -> Any:
    return None if part is None else keras.saving.serialize_keras_object(part)


def _check_rows(codes: Tensor, embeddings: Tensor) -> None:
    """Raise a ValueError unless embeddings are `(b, d)` or `(b, 2, d)` with as many rows as there are labels."""
    shape = tuple(embeddings.shape)
    if len(shape) != 2 and not (len(shape) == 3 and shape[1] == 2):
        raise ValueError(
            f"`embeddings` needs shape (b, d), or (b, 2, d) for two views: got {shape}.\n"
            "  End the model in one row per item: `MetricEmbedding`, or a pooling layer before it."
        )
    check_label_count(codes, embeddings)
