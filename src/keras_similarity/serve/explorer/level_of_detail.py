"""Which points to draw when there are too many: an order whose every beginning shows each label in its proportion."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["drawing_order"]


def drawing_order(codes: NDArray[np.int32], seed: int) -> NDArray[np.intp]:
    """Return rows in the order they should be drawn: one of each label first, then every label as it has items.

    Args:
        codes: The label of each row, `(n,)`, from -1.
        seed: Of which rows come first.

    Cost: O(n log n) time.

    Example:
        >>> bool(drawing_order(np.array([0] * 98 + [1, 1], np.int32), seed=0)[:2].max() >= 98)
        True
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(codes))
    grouped = shuffled[np.argsort(codes[shuffled], kind="stable")]
    counts = np.bincount(codes + 1) if len(codes) else np.zeros(0, np.int64)
    counts = counts[counts > 0]
    starts = np.cumsum(counts) - counts
    place = np.arange(len(codes)) - np.repeat(starts, counts)
    share = (place + rng.random(len(codes))) / np.repeat(counts, counts)
    share[place == 0] = -1.0  # a label of one item is seen too
    return grouped[np.argsort(share, kind="stable")]
