"""Class-balanced batches from a data set that can be asked for its i-th example, of whatever library."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array
from keras_similarity.samplers.balanced import BalancedSampler
from keras_similarity.samplers.sources import stack_examples

__all__ = ["MultiShotDatasetSampler"]


class DatasetRows:
    """The examples of a data set with `len(dataset)` and `dataset[row]`."""

    def __init__(self, dataset: Any, x_key: Any, load: Callable[[Any], Any] | None) -> None:
        self.dataset = dataset
        self.x_key = x_key
        self.load = load

    def __len__(self) -> int:
        return len(self.dataset)

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Ask for some rows, all at once where the data set can give them so."""
        numbers = rows.tolist()
        if hasattr(self.dataset, "__getitems__"):  # torch's and Hugging Face's word for many rows at once
            examples = self.dataset.__getitems__(numbers)
        else:
            examples = [self.dataset[number] for number in numbers]
        values = [example[self.x_key] for example in examples]
        if self.load is not None:
            values = [self.load(value) for value in values]
        # A column of numbers arrives as a list: one input, not several.
        values = [as_array(value) if isinstance(value, list) else value for value in values]
        return stack_examples(values, lambda place: f"example {numbers[place]}")


class MultiShotDatasetSampler(BalancedSampler):
    """`MultiShotMemorySampler` over any data set with a length and numbered examples.

    A torch map-style `Dataset`, a Hugging Face `Dataset`, a grain source or `MapDataset`, a list of pairs or dicts.
    Examples are asked for whenever a batch needs them.

    Args:
        dataset: With `len(dataset)`, and `dataset[row]` that is a pair, a tuple or a dict.
        x_key: Where an example has what to learn from: a position in a tuple, or a key of a dict.
        y_key: Where it has its label.
        y: The labels, where they are known; None to read them: from a column of the data set where it has one by this
            name, else by asking for every example once.
        classes_per_batch: P, ≥ 2.
        load_example_fn: Called with what stands at `x_key`; None to take it as it is.
        **sampling: The other arguments of `MultiShotMemorySampler`.

    Raises:
        TypeError: a data set without a length or numbered examples, such as a stream.
        ValueError: an example without `x_key` or `y_key`, or see `MultiShotMemorySampler`.

    Example:
        >>> dataset = [(np.array([row]), "odd" if row % 2 else "even") for row in range(6)]
        >>> x, codes = MultiShotDatasetSampler(dataset, seed=0)[0]
        >>> (x[:, 0] % 2 == codes).tolist()
        [True, True, True, True]
    """

    def __init__(
        self,
        dataset: Any,
        x_key: Any = 0,
        y_key: Any = 1,
        *,
        y: Iterable[Any] | None = None,
        classes_per_batch: int = 2,
        load_example_fn: Callable[[Any], Any] | None = None,
        **sampling: Any,
    ) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(
                f"`dataset` needs a length and numbered examples: a {type(dataset).__name__} has not both.\n"
                "  Read a stream into a list first, or write it to files."
            )
        if len(dataset):
            _check_keys(dataset[0], x_key, y_key if y is None else x_key)
        labels = _labels(dataset, y_key) if y is None else y
        super().__init__(DatasetRows(dataset, x_key, load_example_fn), labels, classes_per_batch, **sampling)


def _check_keys(example: Any, *keys: Any) -> None:
    for key in keys:
        try:
            example[key]
        except (LookupError, TypeError) as error:
            has = sorted(example) if isinstance(example, dict) else f"{len(example)} parts"
            raise ValueError(
                f"an example of `dataset` has {has}: got the key {key!r}.\n  Name two of them as `x_key` and `y_key`."
            ) from error


def _labels(dataset: Any, y_key: Any) -> list[Any]:
    if y_key in (getattr(dataset, "column_names", None) or ()):  # a column is read without the examples
        return list(dataset[y_key])
    labels: list[Any] = []
    for row in range(len(dataset)):
        try:
            label = dataset[row][y_key]
        except (IndexError, StopIteration) as error:
            raise ValueError(
                f"`dataset` promised {len(dataset)} examples and ended after {row}.\n"
                "  Let its `__len__` say how many there are."
            ) from error
        array = as_array(label)
        labels.append(array.item() if array.ndim == 0 and not isinstance(label, str | bytes) else label)
    return labels
