"""Batches in which each example is a class of its own, shown in several views."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_whole
from keras_similarity.core.rows import as_rows
from keras_similarity.samplers.plan import ClassRows, epoch_batches, steps_to_cover
from keras_similarity.samplers.sampler import Sampler, draw_seed
from keras_similarity.samplers.sources import ArrayRows, LoadedRows

__all__ = ["SingleShotMemorySampler"]


class SingleShotMemorySampler(Sampler):
    """Examples without labels, each a class of its own, in two or more augmented views.

    A batch has `examples_per_batch * num_augmentations_per_example` rows: all examples in one view, then all in the
    next; the code of a row is the number of its example. An epoch shows every example.

    Args:
        x: Examples `(n, …)`; with `load_example_fn`, a sequence of whatever that takes.
        augmenter: A function or Keras layer on a batch that gives another view each time it is called; see
            `MultiShotMemorySampler`.
        examples_per_batch: Distinct examples of a batch, from 2 to n.
        num_augmentations_per_example: Views of each, ≥ 1. With 1, what the augmenter returns is handed on as it is: for
            one that makes the views itself.
        steps_per_epoch: Batches of an epoch; None for the fewest that show every example.
        warmup: The first so many epochs are not augmented: their views are equal.
        seed: Of everything random; None draws one.
        load_example_fn: Makes an example of an entry of x; None where x holds the examples.
        **common: The other arguments of `Sampler`.

    Raises:
        ValueError: no data, NaN or infinity in x, more `examples_per_batch` than examples, a number out of its range.

    Example:
        >>> sampler = SingleShotMemorySampler(np.arange(8.0), np.negative, 2, seed=0)
        >>> x, codes = sampler[0]
        >>> codes.tolist() == (-x).astype(int).tolist(), len(sampler), x.shape
        (True, 4, (4,))
    """

    def __init__(
        self,
        x: Any,
        augmenter: Callable[..., Any],
        examples_per_batch: int,
        num_augmentations_per_example: int = 2,
        steps_per_epoch: int | None = None,
        warmup: int = 0,
        seed: int | None = None,
        *,
        load_example_fn: Callable[[Any], Any] | None = None,
        **common: Any,
    ) -> None:
        source = (
            ArrayRows(as_rows(x, name="x", inputs=len(x) if isinstance(x, tuple) else 1))
            if load_example_fn is None
            else LoadedRows(x, load_example_fn)
        )
        self.examples_per_batch = check_whole(examples_per_batch, name="examples_per_batch", minimum=2)
        if len(source) < examples_per_batch:
            raise ValueError(
                f"`examples_per_batch` is {examples_per_batch}, and there are {len(source)} examples.\n"
                "  Lower it, or bring more examples."
            )
        self._classes = ClassRows(np.arange(len(source)))
        super().__init__(
            source,
            steps_to_cover=steps_to_cover(self._classes.sizes, examples_per_batch, 1),
            steps_per_epoch=steps_per_epoch,
            augmenter=augmenter,
            num_augmentations_per_example=num_augmentations_per_example,
            warmup=warmup,
            seed=draw_seed(seed),
            **common,
        )

    @property
    def num_examples(self) -> int:
        """How many examples the sampler draws from."""
        return len(self._source)

    def get_slice(self, begin: int = 0, size: int | None = None) -> Any:
        """Return examples in their original order, without augmentation; see `MultiShotMemorySampler`."""
        begin = check_whole(begin, name="begin", minimum=0)
        end = len(self._source) if size in (None, -1) else begin + check_whole(size, name="size", minimum=0)
        return self._source.take(np.arange(begin, min(end, len(self._source))))

    def _read(self, rows: NDArray[np.int64]) -> tuple[Any, NDArray[np.int32]]:
        return self._source.take(rows), rows.astype(np.int32)

    def _epoch_batches(self, epoch: int, steps: int) -> NDArray[np.int64]:
        return epoch_batches(
            self._classes,
            classes_per_batch=self.examples_per_batch,
            examples_per_class=1,
            steps=steps,
            seed=(self.seed, epoch),
        )
