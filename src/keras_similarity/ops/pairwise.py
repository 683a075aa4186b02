"""The tensor form of every distance in `core.distances`: the same numbers, with gradients that stay finite.

All arithmetic is float32 or wider, whatever the precision of the model that made the rows.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.ops.reductions import safe_sqrt

__all__ = ["as_wide_float", "paired_distances", "pairwise_distances", "unit_rows"]

Tensor = Any
EPSILON = 1e-12  # smallest squared norm: its root is still far above float32's smallest number
BLOCK = 8  # columns of which differences are kept at a time


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
    found = get_distance(distance)
    rows, others = as_wide_float(queries), as_wide_float(keys)
    if found.name in _FORMS:
        return _FORMS[found.name](rows, others)
    return _own_form(found)(rows[:, None, :], others[None, :, :])


def paired_distances(queries: Tensor, keys: Tensor, distance: str | Distance = "cosine") -> Tensor:
    """Compute the distance of each row to the row at the same place, from the definitions, exact near 0.

    Args:
        queries: Float rows `(b, d)`, any norm.
        keys: Float rows `(b, d)`.
        distance: Name or `Distance`.

    Returns:
        `(b,)`, float32 or wider. Gradients are finite everywhere, 0 where two rows coincide.

    Raises:
        ValueError: an unknown distance.
    """
    found = get_distance(distance)
    form = _PAIRED_FORMS.get(found.name) or _own_form(found)
    return form(as_wide_float(queries), as_wide_float(keys))


def unit_rows(x: Tensor) -> Tensor:
    """Divide rows by their norm; a row of zeros stays zeros."""
    return x * ops.rsqrt(ops.maximum(ops.sum(x * x, axis=-1, keepdims=True), EPSILON))


def _own_form(distance: Distance) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the tensor form that a distance of the user's brings."""
    if distance.tensor is None:
        raise ValueError(
            f"a loss needs the tensor form of its distance: {distance.name!r} has none.\n"
            "  Pass `Distance(..., tensor=f)`, where f is `between` written in keras.ops."
        )
    return distance.tensor


def _dots(queries: Tensor, keys: Tensor) -> Tensor:
    return ops.matmul(queries, ops.transpose(keys))


def _cosine(queries: Tensor, keys: Tensor) -> Tensor:
    # Not clipped at 0, below which rounding takes it by 1e-7: the slope of a clip costs losses one more (q, n) matrix.
    return 1.0 - _dots(unit_rows(queries), unit_rows(keys))


def _squared_euclidean(queries: Tensor, keys: Tensor) -> Tensor:
    query_squares = ops.sum(queries * queries, axis=-1)[:, None]
    key_squares = ops.sum(keys * keys, axis=-1)[None, :]
    return ops.maximum(query_squares + key_squares - 2.0 * _dots(queries, keys), 0.0)


def _euclidean(queries: Tensor, keys: Tensor) -> Tensor:
    return safe_sqrt(_squared_euclidean(queries, keys), EPSILON)


def _manhattan(queries: Tensor, keys: Tensor) -> Tensor:
    # Block by block, each computed anew for the gradient: the (q, n, d) differences never exist together.
    block_sums = keras.remat(_manhattan_block)

    def add(total: Tensor, blocks: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        return total + block_sums(*blocks), None

    start = ops.zeros((ops.shape(queries)[0], ops.shape(keys)[0]), ops.dtype(queries))
    return ops.scan(add, start, (_blocks(queries), _blocks(keys)))[0]


def _blocks(x: Tensor) -> Tensor:
    """Cut `(n, d)` into blocks of columns `(blocks, n, BLOCK)`, the last one filled up with zeros."""
    filled = ops.pad(x, ((0, 0), (0, -x.shape[-1] % BLOCK)))
    return ops.transpose(ops.reshape(filled, (ops.shape(x)[0], -1, BLOCK)), (1, 0, 2))


def _manhattan_block(queries: Tensor, keys: Tensor) -> Tensor:
    return ops.sum(ops.abs(queries[:, None, :] - keys[None, :, :]), axis=-1)


def _inner_product(queries: Tensor, keys: Tensor) -> Tensor:
    return -_dots(queries, keys)


def _snr(queries: Tensor, keys: Tensor) -> Tensor:
    signal = _centred(queries)
    return _squared_euclidean(signal, _centred(keys)) / _power(signal)[:, None]


def _centred(x: Tensor) -> Tensor:
    return x - ops.mean(x, axis=-1, keepdims=True)


def _power(centred: Tensor) -> Tensor:
    return ops.maximum(ops.sum(centred * centred, axis=-1), EPSILON)


def _square_gap(queries: Tensor, keys: Tensor) -> Tensor:
    return ops.sum(ops.square(queries - keys), axis=-1)


_FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": _cosine,
    "euclidean": _euclidean,
    "inner_product": _inner_product,
    "manhattan": _manhattan,
    "snr": _snr,
    "squared_euclidean": _squared_euclidean,
}

_PAIRED_FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": lambda q, k: _square_gap(unit_rows(q), unit_rows(k)) / 2.0,
    "euclidean": lambda q, k: safe_sqrt(_square_gap(q, k), EPSILON),
    "inner_product": lambda q, k: -ops.sum(q * k, axis=-1),
    "manhattan": lambda q, k: ops.sum(ops.abs(q - k), axis=-1),
    "snr": lambda q, k: _square_gap(_centred(q), _centred(k)) / _power(_centred(q)),
    "squared_euclidean": _square_gap,
}
