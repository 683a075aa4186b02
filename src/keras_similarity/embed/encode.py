"""Examples → embeddings, in batches of few different shapes, so that compiled encoders are compiled once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.rows import count_rows, map_rows, take_rows

__all__ = ["encode"]

BATCH_SIZE = 256


def encode(encoder: Callable[[Any], NDArray[Any]], x: Any, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
    """Embed examples batch by batch.

    Args:
        encoder: Batch of arrays -> rows `(b, d)`; row i must depend on example i alone.
        x: Array `(n, …)`, or a dict, list or tuple of arrays for an encoder of several inputs; n ≥ 1.
        batch_size: Rows of a batch. The last batch, and fewer examples than a batch, are padded to a power of two.

    Returns:
        `(n, d)` float32.

    Example:
        >>> doubled = encode(lambda batch: 2 * batch, np.arange(6.0).reshape(3, 2))
        >>> doubled.tolist()
        [[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]]
    """
    total = count_rows(x)
    rows: list[NDArray[np.float32]] = []
    for start in range(0, total, batch_size):
        count = min(batch_size, total - start)
        padded = _padded(take_rows(x, slice(start, start + count)), count, batch_size)
        rows.append(np.asarray(encoder(padded), np.float32)[:count])
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _padded(batch: Any, count: int, batch_size: int) -> Any:
    """Repeat the last example up to the next power of two: at most log2(batch_size) + 2 shapes ever occur."""
    size = min(batch_size, 1 << (count - 1).bit_length())
    if size == count:
        return batch
    return map_rows(lambda part: np.concatenate([part, np.repeat(part[-1:], size - count, axis=0)]), batch)
