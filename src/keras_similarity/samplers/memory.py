"""Class-balanced batches from arrays in memory."""

from collections.abc import Callable, Iterable
from typing import Any

from keras_similarity.core.rows import as_rows
from keras_similarity.samplers.balanced import BalancedSampler
from keras_similarity.samplers.sources import ArrayRows, LoadedRows

__all__ = ["MultiShotMemorySampler"]


class MultiShotMemorySampler(BalancedSampler):
    """Batches of P classes with K examples each, for `fit` on any backend.

    An epoch shows every example at least once, and none twice before the others of its class. A batch is a function
    of (seed, epoch, index): the same with any number of workers, and after `resume`.

    Args:
        x: Examples `(n, …)`; for a model of several inputs, a dict or tuple of such arrays. With `load_example_fn`, a
            sequence of whatever that takes.
        y: One label per example, any hashable values. Batches carry dense int32 codes, `get_slice` the labels.
        classes_per_batch: P, ≥ 2: with one class there is nothing to tell apart.
        examples_per_class_per_batch: K, ≥ 1.
        steps_per_epoch: Batches of an epoch; None for the fewest that show every example.
        class_list: The labels to use, in any iterable, array or tensor; None for all.
        total_examples_per_class: Use at most so many examples of each class, chosen by `seed`; None for all.
        augmenter: A function or Keras layer, called with the x of a batch; returns what to train on. One that has an
            argument `seed` is given an int that is a function of (seed, epoch, index).
        seed: Of everything random, ≥ 0; None draws one, kept as the attribute `seed`.
        load_example_fn: Makes an example of an entry of x, whenever it is needed; None where x holds the examples.
        small_classes: What happens to classes of fewer than K examples: "repeat" shows them several times in a batch,
            and a warning is logged; "drop" leaves them out; "raise" is an error.
        families: A coarser label per example, which is the same throughout a class; None for none.
        families_per_batch: Take the P classes of a batch from so many families, so that they are hard to tell apart;
            divides P. A family with fewer classes than its share shows them again, with other examples.
        **common: `num_augmentations_per_example`, `warmup`, `num_shards`, `shard_index`, `workers` and the other
            arguments of `Sampler`.

    Raises:
        ValueError: no data, x and y of different lengths, NaN or infinity in x, a label that is None or NaN, fewer
            classes than `classes_per_batch`, a class in `class_list` without examples, a number out of its range.

    Cost: an epoch is planned in O(n log n), 0.5 µs an example; a batch is one copy of its rows.

    Example:
        >>> sampler = MultiShotMemorySampler(np.arange(8), ["a", "b"] * 4, seed=7)
        >>> x, codes = sampler[0]
        >>> len(sampler), sorted(codes.tolist()), [int(row) % 2 for row in x] == codes.tolist()
        (2, [0, 0, 1, 1], True)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        classes_per_batch: int = 2,
        examples_per_class_per_batch: int = 2,
        steps_per_epoch: int | None = None,
        class_list: Iterable[Any] | None = None,
        total_examples_per_class: int | None = None,
        augmenter: Callable[..., Any] | None = None,
        seed: int | None = None,
        *,
        load_example_fn: Callable[[Any], Any] | None = None,
        **common: Any,
    ) -> None:
        if load_example_fn is None:
            source = ArrayRows(as_rows(x, name="x", inputs=len(x) if isinstance(x, tuple) else 1))
        else:
            source = LoadedRows(x, load_example_fn)
        super().__init__(
            source,
            y,
            classes_per_batch,
            examples_per_class_per_batch,
            steps_per_epoch,
            class_list,
            total_examples_per_class,
            seed,
            augmenter=augmenter,
            **common,
        )
