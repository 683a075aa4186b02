"""The labels of a batch as codes that a tensor holds exactly, equal where the labels are and nowhere else."""

from typing import Any

from keras import ops

from keras_similarity.core.labels import LabelVocabulary, check_classes

__all__ = ["as_codes", "check_label_count", "concrete", "nan_where_fractional", "one_per_row", "row_weights"]

Tensor = Any


def as_codes(labels: Any, vocabulary: LabelVocabulary | None = None) -> Tensor:
    """Return labels as codes `(b,)`.

    Args:
        labels: `(b,)` or `(b, 1)`. Outside a framework (lists, NumPy arrays) any hashable values; tensors are
            compared in their own type.
        vocabulary: Keeps the codes of labels from outside a framework the same from batch to batch.

    Raises:
        ValueError: another shape, or numbers that are not whole, which are no classes.

    Example:
        >>> ops.convert_to_numpy(as_codes(["cat", 2**40, "cat"])).tolist()
        [0, 1, 0]
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


def nan_where_fractional(labels: Any) -> Tensor | float:
    """Return what to add to a loss: NaN where a compiled function gets labels that are no whole numbers, else 0.

    There no error can be raised. Nothing of it has a gradient, so the weights stay sound.

    Example:
        >>> nan_where_fractional([0, 1])  # what can be read is an error elsewhere, so nothing is added here
        0.0
    """
    if not ops.is_tensor(labels) or "float" not in ops.dtype(labels) or concrete(labels) is not None:
        return 0.0
    values = ops.cast(labels, "float32")
    return ops.stop_gradient(ops.where(ops.all(ops.equal(values, ops.floor(values))), 0.0, float("nan")))


def concrete(x: Tensor) -> Any:
    """Return a tensor's numbers as an array, or None while a function is traced and there are none yet.

    Example:
        >>> concrete(ops.array([1, 2])).tolist()  # inside a compiled function it would be None
        [1, 2]
    """
    try:
        return ops.convert_to_numpy(x)
    except (TypeError, NotImplementedError):  # how JAX and TensorFlow say so
        return None


def one_per_row(values: Any, *, name: str = "labels", dtype: str | None = None) -> Tensor:
    """Return a tensor `(b,)` of values `(b,)` or `(b, 1)`; a ValueError for another shape names `name`.

    Example:
        >>> ops.convert_to_numpy(one_per_row([[4], [7]])).tolist()
        [4, 7]
    """
    values = ops.convert_to_tensor(values, dtype=dtype)
    shape = tuple(values.shape)
    if len(shape) == 2 and shape[1] == 1:
        return ops.squeeze(values, axis=1)
    if len(shape) != 1:
        advice = "For one-hot labels, pass `labels.argmax(axis=1)`." if name == "labels" else "Pass one number a row."
        raise ValueError(f"`{name}` needs one entry per row, shape (b,): got {shape}.\n  {advice}")
    return values


def check_label_count(codes: Tensor, embeddings: Tensor) -> None:
    """Raise a ValueError unless there are as many labels `(b,)` as embeddings `(b, …)`, where both are known.

    Example:
        >>> check_label_count(ops.array([0, 0, 1]), ops.ones((3, 2)))
    """
    shape, entries = tuple(embeddings.shape), codes.shape[0]
    if None not in (shape[0], entries) and shape[0] != entries:
        raise ValueError(
            f"`labels` needs one entry per embedding row: got {entries} labels for embeddings of shape "
            f"{shape}.\n  Pass the labels of the same batch."
        )


def row_weights(sample_weight: Any, rows: Tensor) -> Tensor | None:
    """Return sample weights `(b,)` in the type of the rows they belong to, None for none.

    Raises:
        ValueError: another number of weights than of rows.

    Example:
        >>> ops.convert_to_numpy(row_weights([[1], [2]], ops.ones((2, 3)))).tolist()
        [1.0, 2.0]
    """
    if sample_weight is None:
        return None
    weights = one_per_row(sample_weight, name="sample_weight", dtype=ops.dtype(rows))
    if None not in (weights.shape[0], rows.shape[0]) and weights.shape[0] != rows.shape[0]:
        raise ValueError(
            f"`sample_weight` needs one number a row: got {weights.shape[0]} for {rows.shape[0]} rows.\n"
            "  Pass the weights of the same batch."
        )
    return weights
