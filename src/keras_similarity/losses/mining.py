"""Which positive and which negative of an anchor make a triplet, as indices of fixed shape and without gradient."""

from typing import Any

from keras import ops

from keras_similarity.ops import each_positive
from keras_similarity.ops.reductions import FAR, masked_max, masked_min

__all__ = ["choose_negatives", "choose_positives", "semi_hard_negatives"]

Tensor = Any
NOWHERE = 2**31 - 1


def choose_positives(distances: Tensor, positives: Tensor, strategy: str) -> Tensor:
    """Return one positive of each anchor, `(b,)`: the farthest ("hard") or the nearest ("easy")."""
    return _farthest(distances, positives) if strategy == "hard" else _nearest(distances, positives)


def choose_negatives(distances: Tensor, chosen: Tensor | None, negatives: Tensor, strategy: str) -> Tensor:
    """Return one negative of each anchor, `(b,)`.

    "hard" is the nearest, "easy" the farthest, "semi-hard" the nearest that is farther than the chosen positive,
    or the farthest where none is.
    """
    if strategy == "hard":
        return _nearest(distances, negatives)
    if strategy == "easy":
        return _farthest(distances, negatives)
    return _nearest_beyond(distances, ops.take_along_axis(distances, chosen[:, None], axis=1), negatives)


def semi_hard_negatives(distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return the "semi-hard" negative of each anchor for each of its positives, `(b, n)`; any index elsewhere."""

    def fill(here: Tensor, found: Tensor) -> Tensor:
        limit = ops.sum(ops.where(here, distances, 0.0), axis=1, keepdims=True)
        return ops.where(here, _nearest_beyond(distances, limit, negatives)[:, None], found)

    return each_positive(fill, ops.zeros_like(distances, dtype="int32"), positives)


def _nearest_beyond(distances: Tensor, limit: Tensor, negatives: Tensor) -> Tensor:
    """The nearest negative beyond a limit, else the farthest of all."""
    nearest = masked_min(distances, ops.logical_and(negatives, distances > limit))
    wanted = ops.where(nearest < FAR, nearest, masked_max(distances, negatives))
    return _first_at(distances, wanted, negatives)


def _nearest(distances: Tensor, mask: Tensor) -> Tensor:
    return _first_at(distances, masked_min(distances, mask), mask)


def _farthest(distances: Tensor, mask: Tensor) -> Tensor:
    return _first_at(distances, masked_max(distances, mask), mask)


def _first_at(distances: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Return the first chosen place of each row where a distance is the wanted one, `(b,)`; 0 where none is.

    Two plain reductions, the wanted distance's and this, take a fraction of the time of one that finds a place. A
    compiler that computes a distance for each of them anew must get the same bits, which a test watches over.
    """
    places = ops.arange(ops.shape(distances)[1], dtype="int32")[None, :]
    found = ops.logical_and(mask, ops.equal(distances, wanted[:, None]))
    first = ops.min(ops.where(found, places, NOWHERE), axis=1)
    return ops.where(first < NOWHERE, first, 0)
