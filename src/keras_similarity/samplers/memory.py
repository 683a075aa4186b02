"""Class-balanced batches from arrays in memory."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length, check_whole
from keras_similarity.core.labels import LabelVocabulary, label_list
from keras_similarity.core.rows import as_rows, count_rows, take_rows
from keras_similarity.samplers.plan import epoch_batches, steps_to_cover

__all__ = ["MultiShotMemorySampler"]

logger = logging.getLogger(__name__)


class MultiShotMemorySampler(keras.utils.PyDataset):
    """Batches of P classes with K examples each, for `fit` on any backend.

    An epoch shows every example at least once, and none twice before the others of its class. A batch is a function
    of (seed, epoch, index). A class of fewer than K examples repeats them within a batch; a warning is logged.

    Args:
        x: Examples `(n, …)`; for a model of several inputs, a dict or tuple of such arrays.
        y: One label per example, any hashable values. Batches carry dense int32 codes, `get_slice` the labels.
        classes_per_batch: P, ≥ 2: with one class there is nothing to tell apart.
        examples_per_class_per_batch: K, ≥ 1.
        steps_per_epoch: Batches of an epoch; None for the fewest that show every example.
        class_list: The labels to use; None for all.
        total_examples_per_class: Use at most so many examples of each class, chosen by `seed`; None for all.
        augmenter: Called with the x of a batch, returns what to train on.
        seed: Of everything random; None draws one, kept as the attribute `seed`.
        workers, use_multiprocessing, max_queue_size: As in `keras.utils.PyDataset`.

    Raises:
        ValueError: no data, x and y of different lengths, NaN or infinity in x, fewer classes than
            `classes_per_batch`, a class in `class_list` without examples, a number out of its range.

    Cost: an epoch is planned in O(examples); a batch is one copy of its rows.

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
        augmenter: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        *,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=use_multiprocessing, max_queue_size=max_queue_size)
        x = as_rows(x, name="x", inputs=len(x) if isinstance(x, tuple) else 1)
        labels = label_list(y, name="y")
        check_same_length(count_rows(x), labels, name="y", what="x")
        if not labels:
            raise ValueError("`x` needs examples: got none.\n  Check where the data come from.")
        self.classes_per_batch = check_whole(classes_per_batch, name="classes_per_batch", minimum=2)
        self.examples_per_class_per_batch = check_whole(
            examples_per_class_per_batch, name="examples_per_class_per_batch", minimum=1
        )
        self.augmenter = augmenter
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self.epoch = 0
        self.vocabulary = LabelVocabulary()
        kept = _kept_rows(labels, class_list, total_examples_per_class, self.seed)
        self._x = take_rows(x, kept)
        self._y = y[kept] if isinstance(y, np.ndarray) else [labels[row] for row in kept]
        self._codes = self.vocabulary.encode([labels[row] for row in kept])
        self._class_rows = _rows_by_class(self._codes, len(self.vocabulary))
        self._check_classes()
        sizes = np.array([len(rows) for rows in self._class_rows])
        self.steps_per_epoch = (
            steps_to_cover(sizes, self.classes_per_batch, self.examples_per_class_per_batch)
            if steps_per_epoch is None
            else check_whole(steps_per_epoch, name="steps_per_epoch", minimum=1)
        )
        self._plan: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[Any, NDArray[np.int32]]:
        rows = self._batches()[index]
        x = take_rows(self._x, rows)
        return (x if self.augmenter is None else self.augmenter(x)), self._codes[rows]

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's batches."""
        self.epoch += 1

    @property
    def num_examples(self) -> int:
        """How many examples the sampler draws from."""
        return len(self._codes)

    def get_slice(self, begin: int = 0, size: int | None = None) -> tuple[Any, Any]:
        """Return examples in their original order, with the labels they came with.

        Args:
            begin: First example, ≥ 0.
            size: How many; None or -1 for all that follow. Fewer come back at the end of the data.

        Raises:
            ValueError: `begin` or `size` is negative or not whole.
        """
        begin = check_whole(begin, name="begin", minimum=0)
        end = None if size in (None, -1) else begin + check_whole(size, name="size", minimum=0)
        return take_rows(self._x, slice(begin, end)), self._y[begin:end]

    def _batches(self) -> NDArray[np.int64]:
        """Return this epoch's plan, made once: workers ask for its batches one by one."""
        plan = self._plan
        if plan is None or plan[0] != self.epoch:
            batches = epoch_batches(
                self._class_rows,
                classes_per_batch=self.classes_per_batch,
                examples_per_class=self.examples_per_class_per_batch,
                steps=self.steps_per_epoch,
                seed=(self.seed, self.epoch),
            )
            plan = self._plan = (self.epoch, batches)
        return plan[1]

    def _check_classes(self) -> None:
        classes = len(self._class_rows)
        if classes < self.classes_per_batch:
            raise ValueError(
                f"`classes_per_batch` is {self.classes_per_batch}, and the data have {classes} "
                f"class{'es' if classes != 1 else ''}: {self.vocabulary.labels[:5]}.\n"
                f"  Lower `classes_per_batch`, or bring examples of more classes; two are the least."
            )
        small = [
            self.vocabulary.labels[code]
            for code, rows in enumerate(self._class_rows)
            if len(rows) < self.examples_per_class_per_batch
        ]
        if small:
            logger.warning(
                "%d classes have fewer than %d examples and repeat them within a batch, for example %r",
                len(small),
                self.examples_per_class_per_batch,
                small[0],
            )


def _kept_rows(labels: list[Any], class_list: Iterable[Any] | None, most: int | None, seed: int) -> NDArray[np.int64]:
    """Return the rows of the chosen classes, at most so many of each, in their original order."""
    codes = LabelVocabulary().encode(labels)
    rows = np.arange(len(labels))
    if class_list is not None:
        wanted = set(label_list(class_list if isinstance(class_list, list) else list(class_list)))
        missing = wanted - set(labels)
        if missing:
            raise ValueError(
                f"`class_list` names classes without examples: {sorted(missing, key=repr)[:5]}.\n"
                "  Take them off the list, or check how the labels are written (1 and '1' differ)."
            )
        rows = np.flatnonzero([label in wanted for label in labels])
    if most is not None:
        most = check_whole(most, name="total_examples_per_class", minimum=1)
        rng = np.random.default_rng((seed, 0))
        shuffled = rng.permutation(rows)
        order = np.argsort(codes[shuffled], kind="stable")
        grouped = codes[shuffled][order]
        rank = np.arange(len(grouped)) - np.searchsorted(grouped, grouped)
        rows = np.sort(shuffled[order][rank < most])
    return rows


def _rows_by_class(codes: NDArray[np.int32], classes: int) -> list[NDArray[np.int64]]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=classes))[:-1])
