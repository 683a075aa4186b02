"""The tensor form of every distance in `core.distances`: the same numbers, with gradients that stay finite.

All arithmetic is float32 or wider, whatever the precision of the model that made the rows.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_similarity.core.distances import Distance, get_distance

__all__ = ["as_wide_float", "pairwise_distances", "unit_rows"]

Tensor = Any
EPSILON = 1e-12  # smallest squared norm: its root is still far above float32's smallest number


def as_wide_float(x: Tensor) -> Tensor:
    """Return `x` in float32 or float64: half precision has too few digits to subtract distances."""
    x = ops.convert_to_tensor(x)
    return x if ops.dtype(x) in ("float32", "float64") else ops.cast(x, "float32")


def pairwise_distances(queries: Tensor, keys: Tensor, distance: str | Distance = "cosine") -> Tensor:
    """Compute every distance between two sets of rows.

    Args:
        queries: Float rows `(q, d)`, any norm.
        keys: Float rows `(n, d)`.
        distance: Name or `Distance`.

    Returns:
        `(q, n)`, float32 or wider. Gradients are finite everywhere, 0 where two rows coincide.

    Raises:
        ValueError: an unknown distance.
    """
    return _FORMS[get_distance(distance).name](as_wide_float(queries), as_wide_float(keys))


def unit_rows(x: Tensor) -> Tensor:
    """Divide rows by their norm; a row of zeros stays zeros."""
    return x * ops.rsqrt(ops.maximum(ops.sum(x * x, axis=-1, keepdims=True), EPSILON))


def _dots(queries: Tensor, keys: Tensor) -> Tensor:
    return ops.matmul(queries, ops.transpose(keys))


def _cosine(queries: Tensor, keys: Tensor) -> Tensor:
    return ops.maximum(1.0 - _dots(unit_rows(queries), unit_rows(keys)), 0.0)


def _squared_euclidean(queries: Tensor, keys: Tensor) -> Tensor:
    query_squares = ops.sum(queries * queries, axis=-1)[:, None]
    key_squares = ops.sum(keys * keys, axis=-1)[None, :]
    return ops.maximum(query_squares + key_squares - 2.0 * _dots(queries, keys), 0.0)


def _euclidean(queries: Tensor, keys: Tensor) -> Tensor:
    squares = _squared_euclidean(queries, keys)
    positive = squares > EPSILON
    # The root's slope is infinite at 0: take it of 1 there, and put the 0 back.
    return ops.where(positive, ops.sqrt(ops.where(positive, squares, 1.0)), 0.0)


def _manhattan(queries: Tensor, keys: Tensor) -> Tensor:
    return ops.sum(ops.abs(queries[:, None, :] - keys[None, :, :]), axis=-1)


def _inner_product(queries: Tensor, keys: Tensor) -> Tensor:
    return -_dots(queries, keys)


def _snr(queries: Tensor, keys: Tensor) -> Tensor:
    signal = queries - ops.mean(queries, axis=-1, keepdims=True)
    noise = _squared_euclidean(signal, keys - ops.mean(keys, axis=-1, keepdims=True))
    return noise / ops.maximum(ops.sum(signal * signal, axis=-1, keepdims=True), EPSILON)


_FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": _cosine,
    "euclidean": _euclidean,
    "inner_product": _inner_product,
    "manhattan": _manhattan,
    "snr": _snr,
    "squared_euclidean": _squared_euclidean,
}
