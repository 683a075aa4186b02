"""The labels of a batch as codes that a tensor holds exactly, equal where the labels are and nowhere else."""

from typing import Any

from keras import ops

from keras_similarity.core.labels import LabelVocabulary, check_classes

__all__ = ["as_codes", "concrete", "one_per_row"]

Tensor = Any


def as_codes(labels: Any, vocabulary: LabelVocabulary | None = None) -> Tensor:
    """Return labels as codes `(b,)`.

    Args:
        labels: `(b,)` or `(b, 1)`. Outside a framework (lists, NumPy arrays) any hashable values; tensors are
            compared in their own type.
        vocabulary: Keeps the codes of labels from outside a framework the same from batch to batch.

    Raises:
        ValueError: another shape, or numbers that are not whole, which are no classes.
    """
    if not ops.is_tensor(labels):
        check_classes(labels)
        # On the host every value is exact: 64-bit ids and strings too. A tensor would be cut to 32 bits on JAX.
        known = LabelVocabulary() if vocabulary is None else vocabulary
        return ops.convert_to_tensor(known.encode(labels))
    codes = one_per_row(labels)
    kind = ops.dtype(codes)
    if "float" in kind:
        values = concrete(codes)
        if values is not None:
            check_classes(values)
    # Two classes as booleans: TensorFlow and torch do not sort those.
    return ops.cast(codes, "int32") if kind == "bool" else codes


def concrete(x: Tensor) -> Any:
    """Return a tensor's numbers as an array, or None while a function is traced and there are none yet."""
    try:
        return ops.convert_to_numpy(x)
    except (TypeError, NotImplementedError):  # how JAX and TensorFlow say so
        return None


def one_per_row(values: Any, *, name: str = "labels", dtype: str | None = None) -> Tensor:
    """Return a tensor `(b,)` of values `(b,)` or `(b, 1)`, or raise a ValueError."""
    values = ops.convert_to_tensor(values, dtype=dtype)
    shape = tuple(values.shape)
    if len(shape) == 2 and shape[1] == 1:
        return ops.squeeze(values, axis=1)
    if len(shape) != 1:
        raise ValueError(
            f"`{name}` needs one entry per row, shape (b,): got {shape}.\n"
            "  For one-hot labels, pass `labels.argmax(axis=1)`."
        )
    return values
