"""Samplers under their upstream names; those in memory with upstream's arguments."""

from collections.abc import Callable
from typing import Any

from keras_similarity import samplers
from keras_similarity.samplers import (
    MultiShotFileSampler,
    TFDataSampler,
    TFRecordDatasetSampler,
    select_examples,
)

__all__ = [
    "MultiShotFileSampler",
    "MultiShotMemorySampler",
    "SingleShotMemorySampler",
    "TFDataSampler",
    "TFDatasetMultiShotMemorySampler",
    "TFRecordDatasetSampler",
    "select_examples",
]


def MultiShotMemorySampler(
    x: Any,
    y: Any,
    load_example_fn: Callable[[Any], Any] | None = None,
    classes_per_batch: int = 2,
    examples_per_class_per_batch: int = 2,
    steps_per_epoch: int | None = 1000,
    class_list: Any = None,
    total_examples_per_class: int | None = None,
    augmenter: Any = None,
    warmup: int = -1,
    **own: Any,
) -> samplers.MultiShotMemorySampler:
    """Build `keras_similarity.samplers.MultiShotMemorySampler`."""
    shape = (classes_per_batch, examples_per_class_per_batch, steps_per_epoch)
    own |= {"load_example_fn": load_example_fn, "warmup": max(0, warmup)}
    return samplers.MultiShotMemorySampler(x, y, *shape, class_list, total_examples_per_class, augmenter, **own)


def SingleShotMemorySampler(
    x: Any,
    augmenter: Any,
    examples_per_batch: int,
    num_augmentations_per_example: int = 2,
    steps_per_epoch: int | None = 1000,
    warmup: int = -1,
    **own: Any,
) -> samplers.SingleShotMemorySampler:
    """Build `keras_similarity.samplers.SingleShotMemorySampler`."""
    shape = (examples_per_batch, num_augmentations_per_example, steps_per_epoch)
    return samplers.SingleShotMemorySampler(x, augmenter, *shape, max(0, warmup), **own)


def TFDatasetMultiShotMemorySampler(
    dataset_name: str,
    classes_per_batch: int,
    x_key: str = "image",
    y_key: str = "label",
    splits: Any = ("train", "test"),
    examples_per_class_per_batch: int = 2,
    steps_per_epoch: int | None = 1000,
    class_list: Any = None,
    total_examples_per_class: int | None = None,
    preprocess_fn: Any = None,
    augmenter: Any = None,
    warmup: int = -1,
    **own: Any,
) -> samplers.TFDatasetMultiShotMemorySampler:
    """Build `keras_similarity.samplers.TFDatasetMultiShotMemorySampler`."""
    source = (dataset_name, classes_per_batch, x_key, y_key, splits)
    chosen = (examples_per_class_per_batch, steps_per_epoch, class_list, total_examples_per_class)
    own |= {"preprocess_fn": preprocess_fn, "augmenter": augmenter, "warmup": max(0, warmup)}
    return samplers.TFDatasetMultiShotMemorySampler(*source, *chosen, **own)
