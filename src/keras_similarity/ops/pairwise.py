"""The tensor form of every distance in `core.distances`: the same numbers, with gradients that stay finite.

All arithmetic is float32 or wider, whatever the precision of the model that made the rows.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.ops.reductions import safe_sqrt

__all__ = ["as_wide_float", "paired_distances", "pairwise_distances", "prepared_rows", "unit_rows"]

Tensor = Any
# The same distances under the same names, told apart by an alias: of rows that `prepared_rows` returned.
COSINE, SQUARE = get_distance("cosine"), get_distance("squared_euclidean")
PREPARED_COSINE = dataclasses.replace(COSINE, aliases=("prepared",))
PREPARED_SQUARE = dataclasses.replace(SQUARE, aliases=("prepared",))
EPSILON = 1e-12  # smallest squared norm: its root is still far above float32's smallest number
BLOCK = 8  # columns of which differences are kept at a time


def as_wide_float(x: Tensor) -> Tensor:
    """Return `x` in float32 or float64: half precision has too few digits to subtract distances.

    Example:
        >>> ops.dtype(as_wide_float(ops.array([1.0], "bfloat16")))
        'float32'
    """
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
        ValueError: an unknown distance, or one of the user's own without a tensor form.

    Example:
        >>> rows, keys = ops.array([[0.0, 0.0]]), ops.array([[3.0, 4.0], [0.0, 1.0]])
        >>> [f"{float(distance):.2f}" for distance in pairwise_distances(rows, keys, "euclidean")[0]]
        ['5.00', '1.00']
    """
    found = get_distance(distance)
    rows, others = as_wide_float(queries), as_wide_float(keys)
    if found in _BY_DISTANCE:
        return _BY_DISTANCE[found][0](rows, others)
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
        ValueError: an unknown distance, or one of the user's own without a tensor form.

    Example:
        >>> rows, keys = ops.array([[2.0, 0.0], [0.0, 1.0]]), ops.array([[1.0, 0.0], [1.0, 0.0]])
        >>> [f"{float(distance):.2f}" for distance in paired_distances(rows, keys, "cosine")]
        ['0.00', '1.00']
    """
    found = get_distance(distance)
    form = _BY_DISTANCE[found][1] if found in _BY_DISTANCE else _own_form(found)
    return form(as_wide_float(queries), as_wide_float(keys))


def prepared_rows(distance: Distance, *parts: Tensor) -> tuple[Distance, list[Tensor]]:
    """Do once what a distance does to each row by itself, for rows that are compared chunk by chunk.

    Returns:
        The distance of rows that are so, which has a first gradient only, and these rows; for most distances both are
        what they were.

    Example:
        >>> distance, (rows, keys) = prepared_rows(COSINE, ops.array([[3.0, 0.0]]), ops.array([[0.0, 2.0]]))
        >>> f"{float(rows[0, 0]):.2f}", f"{float(pairwise_distances(rows, keys, distance)[0, 0]):.2f}"
        ('1.00', '1.00')
    """
    if distance == COSINE:
        return PREPARED_COSINE, [unit_rows(part) for part in parts]
    return (PREPARED_SQUARE if distance == SQUARE else distance), list(parts)


def unit_rows(x: Tensor) -> Tensor:
    """Divide rows by their norm; a row of zeros stays zeros.

    Example:
        >>> [f"{float(number):.2f}" for number in unit_rows(ops.array([[3.0, 4.0]]))[0]]
        ['0.60', '0.80']
    """
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
    return _unit_cosine(unit_rows(queries), unit_rows(keys))


def _unit_cosine(queries: Tensor, keys: Tensor) -> Tensor:
    # Not clipped at 0, below which rounding takes it by 1e-7: the slope of a clip costs losses one more (q, n) matrix.
    return 1.0 - _dots(queries, keys)


def _scores(queries: Tensor, keys: Tensor, key_squares: Tensor) -> Tensor:
    return key_squares[None, :] + _dots(-2.0 * queries, keys)


@ops.custom_gradient
def _chunk_scores(queries: Tensor, keys: Tensor, key_squares: Tensor) -> Any:
    """`_scores`, whose gradient takes the sums of its columns out of a product: by themselves they cost half of it."""

    def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
        pull: Tensor = arguments[0] if upstream is None else upstream
        factors = ops.concatenate([-2.0 * queries, ops.ones_like(queries[:, :1])], axis=1)
        columns = ops.matmul(ops.transpose(factors), pull)
        return -2.0 * ops.matmul(pull, keys), ops.transpose(columns[:-1]), columns[-1]

    return _scores(queries, keys, key_squares), gradient


def _squared_euclidean(queries: Tensor, keys: Tensor, scores: Callable[..., Tensor] = _scores) -> Tensor:
    query_squares, key_squares = (ops.sum(part * part, axis=-1) for part in (queries, keys))
    return ops.relu(query_squares[:, None] + scores(queries, keys, key_squares))


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


Form = Callable[[Tensor, Tensor], Tensor]
_BY_NAME: dict[str, tuple[Form, Form]] = {
    "cosine": (_cosine, lambda q, k: _square_gap(unit_rows(q), unit_rows(k)) / 2.0),
    "euclidean": (_euclidean, lambda q, k: safe_sqrt(_square_gap(q, k), EPSILON)),
    "inner_product": (_inner_product, lambda q, k: -ops.sum(q * k, axis=-1)),
    "manhattan": (_manhattan, lambda q, k: ops.sum(ops.abs(q - k), axis=-1)),
    "snr": (_snr, lambda q, k: _square_gap(_centred(q), _centred(k)) / _power(_centred(q))),
    "squared_euclidean": (_squared_euclidean, _square_gap),
}
_BY_DISTANCE = {get_distance(name): forms for name, forms in _BY_NAME.items()} | {
    PREPARED_COSINE: (_unit_cosine, lambda q, k: _square_gap(q, k) / 2.0),
    PREPARED_SQUARE: (functools.partial(_squared_euclidean, scores=_chunk_scores), _square_gap),
}
