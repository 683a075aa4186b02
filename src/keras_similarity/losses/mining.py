"""Which positive and which negative of an anchor make a triplet, as indices of fixed shape and without gradient."""

from typing import Any

from keras import ops

from keras_similarity.ops import each_positive
from keras_similarity.ops.reductions import FAR

__all__ = ["choose_negatives", "choose_positives", "semi_hard_negatives"]

Tensor = Any


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
    limit = ops.take_along_axis(distances, chosen[:, None], axis=1)
    return _nearest_beyond(distances, limit, negatives, _farthest(distances, negatives))


def semi_hard_negatives(distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return the "semi-hard" negative of each anchor for each of its positives, `(b, n)`; any index elsewhere."""
    last = _farthest(distances, negatives)

    def fill(here: Tensor, found: Tensor) -> Tensor:
        limit = ops.sum(ops.where(here, distances, 0.0), axis=1, keepdims=True)
        return ops.where(here, _nearest_beyond(distances, limit, negatives, last)[:, None], found)

    return each_positive(fill, ops.broadcast_to(last[:, None], ops.shape(distances)), positives)


def _nearest_beyond(distances: Tensor, limit: Tensor, negatives: Tensor, fallback: Tensor) -> Tensor:
    candidates = ops.where(ops.logical_and(negatives, distances > limit), distances, FAR)
    return ops.where(ops.min(candidates, axis=1) < FAR, ops.argmin(candidates, axis=1), fallback)


def _nearest(distances: Tensor, mask: Tensor) -> Tensor:
    return ops.argmin(ops.where(mask, distances, FAR), axis=1)


def _farthest(distances: Tensor, mask: Tensor) -> Tensor:
    return ops.argmax(ops.where(mask, distances, -FAR), axis=1)
