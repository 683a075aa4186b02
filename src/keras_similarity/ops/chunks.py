"""Work over the rows of a batch in chunks that are forgotten and computed anew for the gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

__all__ = ["in_chunks"]

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
    """
    count = ops.shape(per_row[0])[0]
    chunks = (count + size - 1) // size
    # The last chunk is filled up with copies of the last row: what they give is cut off below.
    filled = ops.minimum(ops.arange(chunks * size), count - 1)
    parts = tuple(ops.reshape(ops.take(x, filled, axis=0), (chunks, size, *x.shape[1:])) for x in per_row)
    recomputed = keras.remat(function)
    joined: Tensor = ops.map(lambda part: recomputed(*part, *shared), parts)
    return tuple(ops.reshape(values, (-1,))[:count] for values in joined)
