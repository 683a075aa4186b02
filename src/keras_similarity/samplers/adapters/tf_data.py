"""Class-balanced batches from `tf.data` and from TFRecord files, on every Keras backend."""

import glob
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.samplers.balanced import BalancedSampler
from keras_similarity.samplers.sources import ArrayRows, LoadedRows, RowSource, join_parts, stack_examples

__all__ = ["TFDataSampler", "TFRecordDatasetSampler"]

FRAME_BYTES = 12, 4  # of a record's length before it, and of its checksum after it


class TFDataSampler(BalancedSampler):
    """`MultiShotMemorySampler` over a finite `tf.data.Dataset`, read into memory.

    Args:
        ds: Of pairs (x, y), single or in batches, as `keras.utils.image_dataset_from_directory` makes them.
        classes_per_batch, examples_per_class_per_batch, class_list, total_examples_per_class, augmenter: See
            `MultiShotMemorySampler`.
        load_fn: Makes an example of an entry of x, whenever it is needed: keep paths in `ds`, and read files here.
        warmup: The first so many epochs are not augmented.
        label_output: Which part of y is the label, a position or a key; None where y is the label.
        **common: The other arguments of `MultiShotMemorySampler`.

    Raises:
        ValueError: an infinite or empty data set, one that ends before its cardinality, elements that are no pairs, or
            labels that are not one value per example, such as one-hot ones.
        MissingExtraError: TensorFlow is not installed.
    """

    def __init__(
        self,
        ds: Any,
        classes_per_batch: int = 2,
        examples_per_class_per_batch: int = 2,
        class_list: Any = None,
        total_examples_per_class: int | None = None,
        augmenter: Callable[..., Any] | None = None,
        load_fn: Callable[[Any], Any] | None = None,
        warmup: int = 0,
        label_output: int | str | None = None,
        **common: Any,
    ) -> None:
        x, y = _read(ds, label_output)
        super().__init__(
            ArrayRows(x) if load_fn is None else LoadedRows(x, load_fn),
            y,
            classes_per_batch,
            examples_per_class_per_batch,
            class_list=class_list,
            total_examples_per_class=total_examples_per_class,
            augmenter=augmenter,
            warmup=warmup,
            **common,
        )


class TFRecordDatasetSampler(BalancedSampler):
    """`MultiShotMemorySampler` over TFRecord files, whose records may come in any order.

    The files are read through once, for the labels and for where each record lies; a batch then reads its own records.
    Compressed files have no such places: their records are kept in memory, as bytes.

    Args:
        shard_path: Folder of the files.
        deserialization_fn: `serialized -> (x, y)`, in TensorFlow's operations.
        example_per_class: K, ≥ 1.
        batch_size: P × K: a multiple of `example_per_class`.
        compression: None, "GZIP" or "ZLIB".
        shard_suffix: Which files of the folder.
        **sampling: The other arguments of `MultiShotMemorySampler`.

    Raises:
        ValueError: no such files, a `batch_size` that is no multiple, or see `MultiShotMemorySampler`.
        MissingExtraError: TensorFlow is not installed.
    """

    def __init__(
        self,
        shard_path: str | os.PathLike[str],
        deserialization_fn: Callable[[Any], tuple[Any, Any]],
        example_per_class: int = 2,
        batch_size: int = 32,
        *,
        compression: str | None = None,
        shard_suffix: str = "*.tfrec",
        **sampling: Any,
    ) -> None:
        pattern = os.path.join(os.fspath(shard_path), shard_suffix)  # noqa: PTH118  a pattern is no path
        files = sorted(glob.glob(pattern))  # noqa: PTH207
        if not files:
            raise ValueError(f"`shard_path` needs TFRecord files: none match {pattern}.\n  Pass `shard_suffix`.")
        if example_per_class < 1 or batch_size % example_per_class:
            raise ValueError(
                f"`batch_size` must be a multiple of `example_per_class`: got {batch_size} and {example_per_class}.\n"
                "  A batch has as many classes as one goes into the other."
            )
        records = RecordRows(files, compression or "", deserialization_fn)
        super().__init__(records, records.labels, batch_size // example_per_class, example_per_class, **sampling)


class RecordRows(RowSource):
    """The records of TFRecord files, read one by one from where they lie."""

    def __init__(self, files: list[str], compression: str, parse: Callable[[Any], tuple[Any, Any]]) -> None:
        tf = import_extra("tensorflow", extra="tensorflow", purpose="reading TFRecord files")
        self.files = files
        self._parse = tf.function(parse)
        self._records: list[bytes | tuple[int, int, int]] = []  # or file, position and length
        self.labels: list[Any] = []
        for number, file in enumerate(files):
            position = 0
            for record in tf.data.TFRecordDataset(file, compression_type=compression).as_numpy_iterator():
                position += FRAME_BYTES[0]
                self._records.append(record if compression else (number, position, len(record)))
                position += len(record) + FRAME_BYTES[1]
                self.labels.append(self._parse(tf.constant(record))[1].numpy())
        self._constant = tf.constant

    def __len__(self) -> int:
        return len(self._records)

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Read some records, one after another."""
        examples = [self._parse(self._constant(self._bytes(row)))[0] for row in rows.tolist()]
        return stack_examples(examples, lambda place: f"record {rows[place]}")

    def _bytes(self, row: int) -> bytes:
        record = self._records[row]
        if isinstance(record, bytes):
            return record
        number, position, length = record
        with open(self.files[number], "rb") as file:  # noqa: PTH123
            file.seek(position)
            return file.read(length)


def _read(ds: Any, label_output: int | str | None) -> tuple[Any, list[Any]]:
    tf = import_extra("tensorflow", extra="tensorflow", purpose="reading a tf.data.Dataset")
    promised = int(ds.cardinality())
    if promised == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`ds` must end: it is infinite.\n  Take off `.repeat()`; the sampler goes over it again itself."
        )
    spec = ds.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        raise ValueError(f"`ds` needs elements (x, y): got {spec}.\n  Map them to pairs with `ds.map`.")
    label_spec = spec[1] if label_output is None else spec[1][label_output]
    x_shape, y_shape = _shape(tf.nest.flatten(spec[0])[0], (None,)), _shape(label_spec, ())
    batched = _is_batched(x_shape, y_shape)
    parts: list[tuple[Any, Any]] = []
    try:
        for x, y, *_ in ds.as_numpy_iterator():
            parts.append((x, y if label_output is None else y[label_output]))
    except tf.errors.FailedPreconditionError as error:
        raise _ended_early(promised, len(parts)) from error
    if not parts or len(parts) < promised:
        raise _ended_early(promised, len(parts))
    labels = [np.reshape(y, -1) if y_shape else y for _, y in parts]  # (b, 1) as (b,)
    if batched and None not in y_shape and all(_is_one_hot(y) for y in labels) and len(labels) > 1:
        raise _no_single_label(x_shape, y_shape)
    x = [x for x, _ in parts]
    if not batched:
        return stack_examples(x, lambda place: f"element {place}"), [y[0] for y in labels] if y_shape else labels
    return join_parts(x), np.concatenate(labels).tolist()


def _shape(spec: Any, unknown: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return unknown if spec.shape.rank is None else tuple(spec.shape)


def _is_batched(x_shape: tuple[int | None, ...], y_shape: tuple[int | None, ...]) -> bool:
    """Return whether elements are batches, or raise where that or the label of an example cannot be told."""
    if len(y_shape) == 0:
        return False
    if len(y_shape) > 2 or (len(y_shape) == 2 and y_shape[1] != 1) or len(x_shape) == 0:
        raise _no_single_label(x_shape, y_shape)
    if y_shape[0] is None:
        return True
    # Both of a batch have its length, and so can the features of one example and its one-hot label.
    same, lone = x_shape[0] == y_shape[0], len(x_shape) == len(y_shape) == 1
    if (same and lone and y_shape[0] > 1) or (not same and x_shape[0] is not None and y_shape != (1,)):
        raise _no_single_label(x_shape, y_shape)
    return same or x_shape[0] is None


def _is_one_hot(label: NDArray[Any]) -> bool:
    return label.dtype.kind in "biuf" and len(label) > 1 and bool(np.isin(label, (0, 1)).all() and label.sum() == 1)


def _no_single_label(x_shape: tuple[int | None, ...], y_shape: tuple[int | None, ...]) -> ValueError:
    return ValueError(
        f"`ds` needs one label per example, (x, y) or batches of them: got x of shape {x_shape} and y of shape "
        f"{y_shape}.\n  Of a one-hot y, take the class: `ds.map(lambda x, y: (x, tf.argmax(y, axis=-1)))`; of a y of "
        "several parts, pass `label_output`; where these are batches, pass `ds.unbatch()`."
    )


def _ended_early(promised: int, count: int) -> ValueError:
    wanted = str(promised) if promised >= 0 else "some"
    return ValueError(
        f"`ds` promised {wanted} elements and ended after {count}.\n"
        "  Check the generator behind it, and what `.filter` or `.take` leaves."
    )
