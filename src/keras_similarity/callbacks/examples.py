"""Labelled examples, whatever they come in, embedded batch by batch: what stays in memory are the embeddings."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length
from keras_similarity.core.labels import label_list
from keras_similarity.core.rows import count_rows

__all__ = ["Examples"]

Embed = Callable[[Any], NDArray[np.float32]]
ROWS = 512  # of a sampler's examples in memory at once


class Examples:
    """Examples with labels that can be embedded again and again.

    Args:
        source: Arrays, with `labels`; or without, something that yields batches `(x, y)` and can be read again: a
            `PyDataset`, a `tf.data.Dataset`, a torch `DataLoader`, a list of batches. Of a sampler, each example once.
        labels: The labels of arrays.
        name, labels_name: What the caller calls them, for messages.

    Raises:
        ValueError: another number of labels than examples, no examples, endless batches, or batches without labels.
        TypeError: something that yields its batches only once, or is no source of batches at all; a sampler whose
            examples have no labels, such as one of pairs.
    """

    def __init__(self, source: Any, labels: Any, *, name: str, labels_name: str) -> None:
        self.name = name
        self._labels_name = labels_name
        if labels is None and hasattr(source, "get_slice"):
            self._check_labelled(source)
            self._source, self.labels = source, None
            return
        self._source = source
        self.labels = None if labels is None else label_list(labels, name=labels_name)
        if self.labels is None:
            self._check_repeatable()
        else:
            count = count_rows(source)
            check_same_length(count, self.labels, name=labels_name, what=name)
            if count == 0:
                raise ValueError(f"`{name}` needs at least one example: got none.\n  Pass some that training lacks.")

    def embed(self, embed: Embed) -> tuple[NDArray[np.float32], list[Hashable]]:
        """Return embeddings `(n, d)` and labels, row by row."""
        if self.labels is not None:
            return embed(self._source), self.labels
        rows: list[NDArray[np.float32]] = []
        labels: list[Hashable] = []
        for batch in self._batches():
            x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
            if y is None:
                raise ValueError(
                    f"`{self.name}` needs batches of examples with labels, (x, y): got one without y.\n"
                    "  Yield pairs, or pass arrays and their labels."
                )
            rows.append(embed(x))
            labels += label_list(y, name=f"labels of {self.name}")
        if not rows:
            raise ValueError(f"`{self.name}` needs at least one batch: got none.\n  Check where the data come from.")
        return np.concatenate(rows), labels

    def _batches(self) -> Iterator[Any]:
        if hasattr(self._source, "get_slice"):  # its examples may be files: a few at a time
            return (self._source.get_slice(begin, ROWS) for begin in range(0, self._source.num_examples, ROWS))
        if isinstance(self._source, keras.utils.PyDataset):
            return (self._source[position] for position in range(self._source.num_batches or 0))
        return iter(self._source)

    def _check_labelled(self, sampler: Any) -> None:
        # Slices of the other samplers are tuples, too: the second of a pair would be taken for the labels.
        if not hasattr(sampler, "vocabulary"):
            raise TypeError(
                f"`{self.name}` must be a sampler of labelled examples: got {type(sampler).__name__}, which has no "
                f"labels.\n  Pass arrays with `{self._labels_name}`, or a sampler such as MultiShotMemorySampler."
            )

    def _check_repeatable(self) -> None:
        source, name, kind = self._source, self.name, type(self._source).__name__
        if isinstance(source, keras.utils.PyDataset):
            endless = getattr(source, "num_batches", None) is None
        else:
            if not hasattr(source, "__iter__") or hasattr(source, "dtype") or isinstance(source, dict):
                raise TypeError(
                    f"`{name}` must be arrays with `{self._labels_name}`, or yield batches (x, y): got a lone {kind}.\n"
                    "  Pass the labels beside the arrays."
                )
            if hasattr(source, "__next__"):
                raise TypeError(
                    f"`{name}` is read again after every epoch: got a {kind}, which can be read once.\n"
                    "  Pass a dataset, a loader or a list of batches."
                )
            cardinality: Callable[[], Any] = getattr(source, "cardinality", lambda: 0)  # of a tf.data.Dataset
            endless = int(cardinality()) == -1
        if endless:
            raise ValueError(f"`{name}` never ends.\n  Pass a part of it, such as `dataset.take(100)`.")
