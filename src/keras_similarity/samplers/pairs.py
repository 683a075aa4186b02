"""Batches of pairs or triplets in which nothing comes up twice, so that the others of a batch are true negatives."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length, check_whole
from keras_similarity.core.labels import label_list
from keras_similarity.core.rows import as_rows
from keras_similarity.samplers.distinct import distinct_batches
from keras_similarity.samplers.sampler import Sampler, draw_seed
from keras_similarity.samplers.selection import encode_classes
from keras_similarity.samplers.sources import ArrayRows, LoadedRows, RowSource, join_parts

__all__ = ["PairSampler", "TripletSampler"]


class TupleSampler(Sampler):
    """What `PairSampler` and `TripletSampler` share.

    Args:
        parts: The examples of each place of the tuples, n of each: two that belong together, then negatives.
        batch_size, keys, seed, load_example_fn, common: See `PairSampler`.
    """

    def __init__(
        self,
        parts: dict[str, Any],
        batch_size: int,
        keys: Any,
        seed: int | None,
        load_example_fn: Callable[[Any], Any] | None,
        **common: Any,
    ) -> None:
        self._parts: list[RowSource] = [
            ArrayRows(as_rows(part, name=name)) if load_example_fn is None else LoadedRows(part, load_example_fn)
            for name, part in parts.items()
        ]
        self._count = len(self._parts[0])
        first = next(iter(parts))
        for name, source in zip(parts, self._parts, strict=True):
            check_same_length(self._count, source, name=name, what=first)
        self.batch_size = check_whole(batch_size, name="batch_size", minimum=2)
        if self._count < batch_size:
            raise ValueError(
                f"`batch_size` is {batch_size}, and there are {self._count} rows.\n  Lower it, or bring more rows."
            )
        seed = draw_seed(seed)
        self._keys = _encoded(list(parts.values()) if keys is None else keys, self._count)
        self._cover = distinct_batches(self._keys, batch_size, np.random.default_rng((seed, 0)))
        super().__init__(self._parts[0], steps_to_cover=len(self._cover), seed=seed, **common)

    @property
    def num_examples(self) -> int:
        """How many tuples the sampler draws from."""
        return self._count

    def get_slice(self, begin: int = 0, size: int | None = None) -> tuple[Any, ...]:
        """Return tuples in their original order: the examples of each place."""
        begin = check_whole(begin, name="begin", minimum=0)
        end = self._count if size in (None, -1) else begin + check_whole(size, name="size", minimum=0)
        rows = np.arange(begin, min(end, self._count))
        return tuple(part.take(rows) for part in self._parts)

    def _read(self, rows: NDArray[np.int64]) -> tuple[Any, NDArray[np.int32]]:
        # The first two of a tuple belong together; a negative is a class of its own.
        codes = [rows, rows, *(rows + place * self._count for place in range(1, len(self._parts) - 1))]
        return join_parts([part.take(rows) for part in self._parts]), np.concatenate(codes).astype(np.int32)

    def _epoch_batches(self, epoch: int, steps: int) -> NDArray[np.int64]:
        rng = np.random.default_rng((self.seed, epoch, 1))
        batches = distinct_batches(self._keys, self.batch_size, rng)
        if len(batches) > steps >= len(self._cover):  # an unlucky order; the first one fits
            batches = rng.permutation(self._cover)
        while len(batches) < steps:
            batches = np.concatenate([batches, distinct_batches(self._keys, self.batch_size, rng)])
        return batches[:steps]


class PairSampler(TupleSampler):
    """Batches of pairs that belong together, for losses that take the rest of a batch as negatives.

    x of a batch has `2 * batch_size` rows, the first ones and then the second ones; both of a pair carry its number as
    code. An epoch shows every pair once, and nothing is in a batch twice: a text that is in several pairs would be its
    own negative. Where the batches do not come out even, pairs that fit are shown again.

    Args:
        anchors: The first of each pair, `(n, …)`.
        positives: The second, `(n, …)`.
        batch_size: Pairs of a batch, from 2 to n.
        steps_per_epoch: Batches of an epoch; None for the fewest found that show every pair.
        keys: What must not come up twice in a batch: a sequence of columns `(n,)` of hashables. None for what the pairs
            hold; give labels or ids where different examples are the same thing.
        seed: Of everything random; None draws one.
        load_example_fn: Makes an example of an entry; None where the arguments hold the examples.
        **common: The other arguments of `Sampler`.

    Raises:
        ValueError: different lengths, fewer pairs than `batch_size`, or too few distinct ones to fill a batch.

    Cost: an epoch is planned in O(n), some 3 µs a pair.

    Example:
        >>> sampler = PairSampler(np.arange(6), np.arange(6) + 10, batch_size=3, seed=0)
        >>> x, codes = sampler[0]
        >>> (x[3:] - x[:3]).tolist(), codes.tolist() == [*x[:3], *x[:3]]
        ([10, 10, 10], True)
    """

    def __init__(
        self,
        anchors: Any,
        positives: Any,
        batch_size: int = 32,
        steps_per_epoch: int | None = None,
        *,
        keys: Sequence[Any] | None = None,
        seed: int | None = None,
        load_example_fn: Callable[[Any], Any] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(
            {"anchors": anchors, "positives": positives},
            batch_size,
            keys,
            seed,
            load_example_fn,
            steps_per_epoch=steps_per_epoch,
            **common,
        )


class TripletSampler(TupleSampler):
    """Batches of triplets: `PairSampler` with a negative beside each pair, such as mining finds.

    x of a batch has `3 * batch_size` rows: anchors, positives, negatives. A negative's code is its own.

    Args:
        anchors, positives, batch_size, steps_per_epoch, keys, seed, load_example_fn, common: See `PairSampler`.
        negatives: What each anchor must be told from, `(n, …)`.

    Raises:
        ValueError: see `PairSampler`.

    Example:
        >>> sampler = TripletSampler(np.arange(4), np.arange(4) + 10, np.arange(4) + 20, batch_size=2, seed=0)
        >>> x, codes = sampler[0]
        >>> (x[4:] - x[:2]).tolist(), len(set(codes.tolist()))
        ([20, 20], 4)
    """

    def __init__(
        self,
        anchors: Any,
        positives: Any,
        negatives: Any,
        batch_size: int = 32,
        steps_per_epoch: int | None = None,
        *,
        keys: Sequence[Any] | None = None,
        seed: int | None = None,
        load_example_fn: Callable[[Any], Any] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(
            {"anchors": anchors, "positives": positives, "negatives": negatives},
            batch_size,
            keys,
            seed,
            load_example_fn,
            steps_per_epoch=steps_per_epoch,
            **common,
        )


def _encoded(columns: Sequence[Any], count: int) -> NDArray[np.int64]:
    """Return codes `(n, columns)`, the same wherever the same thing is."""
    values: list[Any] = []
    for column in columns:
        array = np.asarray(column)
        is_rows = array.ndim > 1
        values += [row.tobytes() for row in array] if is_rows else label_list(column, name="keys")
        check_same_length(count, array, name="keys", what="anchors")
    return encode_classes(values)[0].astype(np.int64).reshape(len(columns), count).T
