"""Class-balanced batches from any source of rows: P classes × K examples."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice, check_same_length, check_whole
from keras_similarity.core.labels import LabelVocabulary, label_list
from keras_similarity.samplers.plan import (
    ClassRows,
    epoch_batches,
    family_batches,
    steps_for_families,
    steps_to_cover,
)
from keras_similarity.samplers.sampler import Sampler, draw_seed
from keras_similarity.samplers.selection import class_labels, encode_classes, kept_rows
from keras_similarity.samplers.sources import RowSource

__all__ = ["BalancedSampler"]

SMALL_CLASSES = ("repeat", "drop", "raise")

logger = logging.getLogger(__name__)


class BalancedSampler(Sampler):
    """Batches of P classes with K examples each, from any source of rows; see `MultiShotMemorySampler`.

    Args:
        source: Of a length, with `take(rows)` that returns examples.
        y: One label per example.
        **sampling: The arguments that `MultiShotMemorySampler` documents.

    Raises:
        ValueError: see `MultiShotMemorySampler`.

    Example:
        >>> class Squares:
        ...     __len__ = lambda self: 6
        ...     take = lambda self, rows: rows**2
        >>> sampler = BalancedSampler(Squares(), list("aabbcc"), classes_per_batch=3, seed=0)
        >>> x, codes = sampler[0]
        >>> sorted(x.tolist()), sorted(codes.tolist())
        ([0, 1, 4, 9, 16, 25], [0, 0, 1, 1, 2, 2])
    """

    def __init__(
        self,
        source: RowSource,
        y: Any,
        classes_per_batch: int = 2,
        examples_per_class_per_batch: int = 2,
        steps_per_epoch: int | None = None,
        class_list: Iterable[Any] | None = None,
        total_examples_per_class: int | None = None,
        seed: int | None = None,
        *,
        small_classes: str = "repeat",
        families: Any = None,
        families_per_batch: int | None = None,
        **common: Any,
    ) -> None:
        labels = class_labels(y, name="y")
        check_same_length(len(source), labels, name="y", what="x")
        if not labels:
            raise ValueError("`x` needs examples: got none.\n  Check where the data come from.")
        self.classes_per_batch = check_whole(classes_per_batch, name="classes_per_batch", minimum=2)
        self.examples_per_class_per_batch = check_whole(
            examples_per_class_per_batch, name="examples_per_class_per_batch", minimum=1
        )
        seed = draw_seed(seed)
        codes, distinct = encode_classes(labels)
        rows = kept_rows(codes, distinct, class_list, total_examples_per_class, np.random.default_rng((seed, 0)))
        rows = self._without_small_classes(rows, codes, distinct, small_classes)
        self._y = y if isinstance(y, np.ndarray) and y.ndim == 1 else labels
        self._rows = rows
        if len(rows) == len(codes):
            self._codes, names = codes, distinct
        else:
            self._codes, places = encode_classes(codes[rows].tolist())
            names = [distinct[int(place)] for place in places]  # type: ignore[arg-type]
        self.vocabulary = LabelVocabulary(names)
        self._check_classes()
        self._classes = ClassRows(self._codes)
        self._set_families(families, families_per_batch, len(labels))
        super().__init__(
            source, steps_to_cover=self._steps_to_cover(), steps_per_epoch=steps_per_epoch, seed=seed, **common
        )

    @property
    def num_examples(self) -> int:
        """How many examples the sampler draws from."""
        return len(self._codes)

    @property
    def example_shape(self) -> Any:
        """The shape of one example; where there are several inputs, in their structure."""
        x, _ = self.get_slice(0, 1)
        if isinstance(x, dict):
            return {key: part.shape[1:] for key, part in x.items()}
        return [part.shape[1:] for part in x] if isinstance(x, list | tuple) else x.shape[1:]

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
        rows = self._rows[begin:end]
        return self._source.take(rows), (
            self._y[rows] if isinstance(self._y, np.ndarray) else [self._y[row] for row in rows.tolist()]
        )

    def _read(self, rows: NDArray[np.int64]) -> tuple[Any, NDArray[np.int32]]:
        return self._source.take(self._rows[rows]), self._codes[rows]

    def _epoch_batches(self, epoch: int, steps: int) -> NDArray[np.int64]:
        seed = (self.seed, epoch)
        k = self.examples_per_class_per_batch
        if self._families is None:
            return epoch_batches(
                self._classes, classes_per_batch=self.classes_per_batch, examples_per_class=k, steps=steps, seed=seed
            )
        return family_batches(
            self._classes,
            self._families,
            families_per_batch=self.families_per_batch,
            classes_each=self.classes_per_batch // self.families_per_batch,
            examples_per_class=k,
            steps=steps,
            seed=seed,
        )

    def _steps_to_cover(self) -> int:
        k = self.examples_per_class_per_batch
        if self._families is None:
            return steps_to_cover(self._classes.sizes, self.classes_per_batch, k)
        each = self.classes_per_batch // self.families_per_batch
        return steps_for_families(self._classes, self._families, self.families_per_batch, each, k)

    def _check_classes(self) -> None:
        labels = self.vocabulary.labels
        if len(labels) < self.classes_per_batch:
            raise ValueError(
                f"`classes_per_batch` is {self.classes_per_batch}, and the data have {len(labels)} "
                f"class{'es' if len(labels) != 1 else ''}: {labels[:5]}.\n"
                f"  Lower `classes_per_batch`, or bring examples of more classes; two are the least."
            )

    def _without_small_classes(
        self, rows: NDArray[np.int64], codes: NDArray[np.int32], distinct: list[Any], policy: str
    ) -> NDArray[np.int64]:
        """Do with classes of fewer than K examples what the policy says."""
        check_choice(policy, SMALL_CLASSES, name="small_classes")
        k = self.examples_per_class_per_batch
        sizes = np.bincount(codes[rows], minlength=len(distinct))
        small = np.flatnonzero((sizes > 0) & (sizes < k))
        if not len(small):
            return rows
        if policy == "raise":
            raise ValueError(
                f"`examples_per_class_per_batch` is {k}, and {len(small)} classes have fewer examples, for example "
                f"{distinct[small[0]]!r} with {sizes[small[0]]}.\n"
                "  Lower it, leave them out with small_classes='drop', or show them again with small_classes='repeat'."
            )
        if policy == "drop":
            logger.warning("%d classes have fewer than %d examples and are left out", len(small), k)
            return rows[sizes[codes[rows]] >= k]
        logger.warning(
            "%d classes have fewer than %d examples and repeat them within a batch, for example %r",
            len(small), k, distinct[small[0]],
        )  # fmt: skip
        return rows

    def _set_families(self, families: Any, per_batch: int | None, count: int) -> None:
        """Check that each class is of one family, and keep its code."""
        self._families: NDArray[np.int64] | None = None
        self.families_per_batch = 0
        if families is None and per_batch is None:
            return
        if families is None or per_batch is None:
            raise ValueError("`families` and `families_per_batch` go together: one is missing.\n  Pass both, or none.")
        values = label_list(families, name="families")
        check_same_length(count, values, name="families", what="x")
        codes, names = encode_classes([values[row] for row in self._rows.tolist()])
        first = np.zeros(len(self.vocabulary), np.int64)
        first[self._codes] = codes
        if not np.array_equal(first[self._codes], codes):
            label = self.vocabulary.labels[self._codes[np.flatnonzero(first[self._codes] != codes)[0]]]
            raise ValueError(
                f"`families` needs one family for each class: {label!r} is in several.\n"
                "  Give classes names that differ between families, such as (family, name)."
            )
        self.families_per_batch = check_whole(per_batch, name="families_per_batch", minimum=1)
        if self.classes_per_batch % per_batch or per_batch > len(names):
            raise ValueError(
                f"`families_per_batch` must divide `classes_per_batch`, and there must be as many families: got "
                f"{per_batch} for {self.classes_per_batch} classes and {len(names)} families.\n"
                "  Each family of a batch brings the same number of classes."
            )
        self._families = first
