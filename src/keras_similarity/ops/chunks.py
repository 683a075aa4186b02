"""Work over the rows of a batch in chunks that are forgotten: computed anew for the gradient, or with it at once."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_similarity.ops.adapters.gradients import value_and_gradients
from keras_similarity.ops.adapters.memory import keep_freed_memory

__all__ = ["in_chunks", "sum_in_one_pass"]

Tensor = Any


def in_chunks(
    function: Callable[..., tuple[Tensor, ...]], per_row: Sequence[Tensor], shared: Sequence[Tensor], size: int
) -> tuple[Tensor, ...]:
    """Apply `function(*chunks of per_row, *shared)` chunk by chunk, and join what it returns.

    Args:
        function: Returns a tuple of float tensors `(size,)`, one value per row of its chunk. It may use no other
            tensor than its arguments: TensorFlow could not compute it anew.
        per_row: Float tensors `(b, …)`.
        shared: Float tensors of any shape, the same for every chunk.
        size: Rows of a chunk, ≥ 1; b need not be its multiple.

    Returns:
        A tuple of tensors `(b,)`, with the same values and gradients as in one piece.

    Cost: the memory of one chunk, and once more the time of the forward pass.

    Example:
        >>> rows = ops.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        >>> (sums,) = in_chunks(lambda part: (ops.sum(part, axis=1),), [rows], [], 2)
        >>> ops.convert_to_numpy(sums).tolist()
        [3.0, 7.0, 11.0]
    """
    count = ops.shape(per_row[0])[0]
    parts, _ = _cut(per_row, count, size)
    recomputed = keras.remat(function)
    joined: Tensor = ops.map(lambda part: recomputed(*part, *shared), parts)
    return tuple(ops.reshape(values, (-1,))[:count] for values in joined)


def sum_in_one_pass(
    function: Callable[..., Tensor], per_row: Sequence[Tensor], shared: Sequence[Tensor], size: int
) -> Tensor:
    """Return Σ `function(*chunks of per_row, *shared)`, a scalar, and compute its gradient in the same pass.

    Args:
        function: Returns a scalar, the sum over the rows of its chunk of what has the last of `per_row` as a factor.
        per_row: Float tensors `(b, …)`. The first alone has a gradient.
        shared: Float tensors of any shape, the same for every chunk. The first alone has a gradient.
        size: Rows of a chunk, ≥ 1; b need not be its multiple.

    Returns:
        The sum. It has a first gradient only.

    Cost: the memory of one chunk, and nothing is computed twice.

    Example:
        >>> def weighted_dots(rows, factors, keys):
        ...     return ops.sum(ops.matmul(rows, ops.transpose(keys))[:, 0] * factors)
        >>> rows, factors, keys = ops.array([[1.0], [2.0], [3.0]]), ops.array([1.0, 1.0, 0.5]), ops.array([[2.0]])
        >>> float(sum_in_one_pass(weighted_dots, [rows, factors], [keys], 2))  # 2 + 4 + 3
        9.0
    """

    @ops.custom_gradient
    def total(*arguments: Tensor) -> Any:
        per_row, shared = arguments[:own], arguments[own:]
        count = ops.shape(per_row[0])[0]
        parts, within = _cut(per_row, count, size)
        keys, *others = shared
        columns = ops.transpose(keys)  # what their gradient comes as: turning it round once is enough

        def add(number: Tensor, so_far: tuple[Tensor, Tensor, Tensor]) -> Any:
            rows, *more, factors, filling = (ops.take(part, number, axis=0) for part in (*parts, within))
            value, (of_rows, of_columns) = value_and_gradients(
                lambda rows, columns: function(rows, *more, factors * filling, ops.transpose(columns), *others),
                (rows, columns),
            )
            place = (number, *[0] * len(of_rows.shape))
            return so_far[0] + value, ops.slice_update(so_far[1], place, of_rows[None]), so_far[2] + of_columns

        start = ops.zeros((), keys.dtype), ops.zeros_like(parts[0]), ops.zeros_like(columns)
        sums: Any = ops.fori_loop(0, ops.shape(parts[0])[0], add, start)
        value, of_rows, of_columns = sums
        of_rows, of_keys = ops.reshape(of_rows, (-1, *per_row[0].shape[1:]))[:count], ops.transpose(of_columns)

        def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            pull = arguments[0] if upstream is None else upstream
            none = [ops.zeros_like(argument) for argument in (*per_row[1:], *others)]
            return pull * of_rows, *none[: own - 1], pull * of_keys, *none[own - 1 :]

        return value, gradient

    own = len(per_row)
    keep_freed_memory()
    return total(*per_row, *shared)


def _cut(per_row: Sequence[Tensor], count: Any, size: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """Cut tensors into chunks `(chunks, size, …)`, and say which of their rows are no filling, 1 or 0.

    The last chunk is filled up with copies of the last row.
    """
    chunks = (count + size - 1) // size
    places = ops.arange(chunks * size)
    filled = ops.minimum(places, count - 1)
    parts = tuple(ops.reshape(ops.take(x, filled, axis=0), (chunks, size, *x.shape[1:])) for x in per_row)
    return parts, ops.reshape(ops.cast(places < count, per_row[0].dtype), (chunks, size))
