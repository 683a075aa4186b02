"""Class-balanced batches from a data set of the TensorFlow Datasets catalogue."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from keras_similarity.errors import MissingExtraError
from keras_similarity.samplers.memory import MultiShotMemorySampler

__all__ = ["TFDatasetMultiShotMemorySampler"]

READ_BATCH = 1024


class TFDatasetMultiShotMemorySampler(MultiShotMemorySampler):
    """`MultiShotMemorySampler` over a data set that TensorFlow Datasets names, read into memory.

    Works on every Keras backend; TensorFlow only reads the files.

    Args:
        dataset_name: Name in the catalogue, such as "mnist".
        classes_per_batch: P, ≥ 2.
        x_key: Name of the feature to learn from.
        y_key: Name of the label feature.
        splits: The split to read, or several, read one after another.
        examples_per_class_per_batch: K, ≥ 1.
        steps_per_epoch: Batches of an epoch; catalogue data sets are large, so that the default is 1000; None for
            the fewest that show every example.
        preprocess_fn: `(x, y) -> (x, y)` on NumPy arrays, example by example.
        class_list, total_examples_per_class, augmenter, seed: See `MultiShotMemorySampler`.
        **kwargs: `warmup`, `small_classes`, `workers` and the other arguments of `MultiShotMemorySampler`.

    Raises:
        MissingExtraError: tensorflow-datasets is not installed.
        ValueError: a feature that the data set does not have, or see `MultiShotMemorySampler`.
    """

    def __init__(
        self,
        dataset_name: str,
        classes_per_batch: int,
        x_key: str = "image",
        y_key: str = "label",
        splits: str | Sequence[str] = ("train", "test"),
        examples_per_class_per_batch: int = 2,
        steps_per_epoch: int | None = 1000,
        class_list: Iterable[Any] | None = None,
        total_examples_per_class: int | None = None,
        preprocess_fn: Callable[[Any, Any], tuple[Any, Any]] | None = None,
        augmenter: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        x, y = _read(dataset_name, [splits] if isinstance(splits, str) else splits, x_key, y_key)
        if preprocess_fn is not None:
            pairs = [preprocess_fn(example, label) for example, label in zip(x, y, strict=True)]
            x, y = (np.stack([np.asarray(pair[part]) for pair in pairs]) for part in (0, 1))
        super().__init__(
            x,
            y,
            classes_per_batch=classes_per_batch,
            examples_per_class_per_batch=examples_per_class_per_batch,
            steps_per_epoch=steps_per_epoch,
            class_list=class_list,
            total_examples_per_class=total_examples_per_class,
            augmenter=augmenter,
            seed=seed,
            **kwargs,
        )


def _read(name: str, splits: Sequence[str], x_key: str, y_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the examples and labels of all splits, in the order of the files."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise MissingExtraError(
            f"reading {name!r} from the TensorFlow Datasets catalogue needs the package tensorflow-datasets: "
            f"{error}.\n  Install it with: pip install 'keras-similarity[tensorflow]' tensorflow-datasets "
            "importlib_resources"
        ) from error
    examples: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for split in splits:
        dataset = tfds.load(name, split=split, read_config=_one_thread(tfds))
        unknown = [key for key in (x_key, y_key) if key not in dataset.element_spec]
        if unknown:
            raise ValueError(
                f"the data set {name!r} has the features {sorted(dataset.element_spec)}: got {unknown[0]!r}.\n"
                "  Name two of them as `x_key` and `y_key`."
            )
        same_shape = dataset.element_spec[x_key].shape.is_fully_defined()
        for part in tfds.as_numpy(dataset.batch(READ_BATCH if same_shape else 1)):
            examples.append(part[x_key])
            labels.append(part[y_key])
    return np.concatenate(examples), np.concatenate(labels)


def _one_thread(tfds: Any) -> Any:
    """Return settings that read on one thread: for small examples, several spend more on waking each other."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    return tfds.ReadConfig(
        options=options,
        try_autocache=False,  # it is read once
        skip_prefetch=True,
        num_parallel_calls_for_decode=1,
        num_parallel_calls_for_interleave_files=1,
    )
