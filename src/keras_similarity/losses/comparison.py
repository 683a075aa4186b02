"""What a loss compares, and what comes of it."""

from typing import Any, NamedTuple

from keras_similarity.ops import pair_counts

__all__ = ["Anchors", "Comparison", "known_counts"]

Tensor = Any


class Anchors(NamedTuple):
    """The anchors of a batch, and what they are compared with.

    Args:
        rows, codes: The anchors `(b, d)` and their classes `(b,)`.
        keys, key_codes: What they are compared with, `(n, d)` and `(n,)`.
        among_keys: Whether anchor i is key i, which is no pair.
        present: Which keys exist, boolean `(n,)`; None for all.
    """

    rows: Tensor
    codes: Tensor
    keys: Tensor
    key_codes: Tensor
    among_keys: bool
    present: Tensor | None = None


class Comparison(NamedTuple):
    """What anchors contribute, `(b,)`, which of them count, and how many positives each has."""

    values: Tensor
    contributing: Tensor
    pairs: Tensor


def known_counts(anchors: Anchors) -> tuple[Tensor, Tensor] | None:
    """Return how many positives and negatives each anchor has, where that can be told from the labels alone."""
    if anchors.present is not None or anchors.key_codes is not anchors.codes:
        return None
    same, others = pair_counts(anchors.codes)
    return (same if anchors.among_keys else same + 1), others
