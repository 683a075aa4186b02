"""Work for every pair of a positive and another key of an anchor, in O(b n) memory: never a (b, n, n) tensor.

Anchors go through their positives in step: first everyone's first one, then the second, and so on to the largest
class. Each step is a few passes over `(b, n)`, so the time is O(b n · largest class), without a slow sort of rows.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_similarity.ops.reductions import masked_max

__all__ = ["each_positive", "gap_sums", "hinge_sums", "smooth_ranks"]

Tensor = Any
Function = Callable[[Tensor], Tensor]


def each_positive(step: Callable[[Tensor, Any], Any], state: Any, positives: Tensor) -> Any:
    """Fold `step(here, state)` over the positives of all anchors at once, without gradient.

    `here`, boolean `(b, n)`, has in each row one positive, another each time; rows that ran out of them are empty.

    Example:
        >>> distances, positives = ops.array([[0.5, 2.0, 1.0]]), ops.array([[True, False, True]])
        >>> def add(here, total):
        ...     return total + ops.sum(ops.where(here, distances, 0.0), axis=1)
        >>> float(each_positive(add, ops.zeros(1), positives)[0])
        1.5
    """
    order = ops.cumsum(ops.cast(positives, "int32"), axis=1)

    def body(done: Tensor, state: Any) -> Any:
        return step(ops.logical_and(positives, ops.equal(order, done + 1)), state)

    return ops.fori_loop(0, ops.max(order), body, state)


def gap_sums(
    distances: Tensor,
    positives: Tensor,
    others: Tensor,
    function: Function,
    slope: Function,
    key_distances: Tensor | None = None,
) -> Tensor:
    """Σ over the other keys n of function(d_ap − d_an), for each anchor a and each of its positives p.

    Args:
        distances: d_a·, `(b, n)`.
        positives: Where a result is wanted, boolean `(b, n)`.
        others: What is summed over, boolean `(b, n)`.
        function: An elementwise function of differences of distances.
        slope: Its derivative.
        key_distances: d_p· between keys, `(n, n)`; when given, min(d_an, d_pn) takes the place of d_an.

    Returns:
        `(b, n)`, 0 where there is no positive.

    Cost: O(b n · largest class) time, a few (b, n) matrices. The gradient is computed anew, by the same steps.

    Example:
        >>> distances, positives = ops.array([[1.0, 3.0, 2.0]]), ops.array([[True, False, False]])
        >>> sums = gap_sums(distances, positives, ops.logical_not(positives), lambda gaps: gaps, ops.ones_like)
        >>> ops.convert_to_numpy(sums).tolist()  # (1 − 3) + (1 − 2)
        [[-3.0, 0.0, 0.0]]
    """
    kinds = positives, others, function, slope
    if key_distances is None:
        return _own_gap_sums(distances, *kinds)
    return _least_gap_sums(distances, key_distances, *kinds)


def hinge_sums(distances: Tensor, positives: Tensor, others: Tensor, margin: float) -> Tensor:
    """Σ over positives p and other keys n of max(0, d_ap − d_an + margin), for each anchor a.

    A hinge is straight where it is not flat, so the sum is one of distances, each times how many hinges it holds
    open: these numbers need no gradient, and the gradient no second walk over the pairs.

    Args:
        distances: d_a·, `(b, n)`.
        positives, others: Boolean `(b, n)`.
        margin: In units of the distances.

    Returns:
        `(b,)`.

    Cost: O(b n · largest class) time, a few (b, n) matrices.

    Example:
        >>> distances, positives = ops.array([[1.0, 3.0, 2.0]]), ops.array([[True, False, False]])
        >>> float(hinge_sums(distances, positives, ops.logical_not(positives), 1.5)[0])  # max(0, −0.5) + max(0, 0.5)
        0.5
    """
    still: Tensor = ops.stop_gradient(distances)

    def count(here: Tensor, totals: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        limit: Tensor = masked_max(still, here)[:, None] + margin
        nearer = ops.cast(ops.logical_and(others, still < limit), still.dtype)
        return ops.where(here, ops.sum(nearer, axis=1, keepdims=True), totals[0]), totals[1] + nearer

    start = ops.zeros_like(still), ops.zeros_like(still)
    of_positives, of_others = each_positive(count, start, positives)
    opened: Tensor = ops.sum(of_positives, axis=1)
    return ops.sum((of_positives - of_others) * distances, axis=1) + margin * opened


def smooth_ranks(distances: Tensor, positives: Tensor, others: Tensor, temperature: float) -> Tensor:
    """The rank of each positive among the others of its anchor, itself included, with sigmoids for comparisons.

    1 + Σ_{j ≠ p} sigmoid((d_ap − d_aj) / temperature), `(b, n)`, 0.5 where there is no positive; `others`
    must contain the positives.

    Example:
        >>> distances, positives = ops.array([[1.0, 3.0, 2.0]]), ops.array([[False, False, True]])
        >>> ranks = smooth_ranks(distances, positives, ops.ones_like(positives), 0.01)
        >>> f"{float(ranks[0, 2]):.2f}"  # one of the others is nearer
        '2.00'
    """

    def function(gaps: Tensor) -> Tensor:
        return ops.sigmoid(gaps / temperature)

    def slope(gaps: Tensor) -> Tensor:
        share = function(gaps)
        return share * (1.0 - share) / temperature

    # The sum holds p itself, with sigmoid(0).
    return 0.5 + gap_sums(distances, positives, others, function, slope)


def _as_floats(like: Tensor, *masks: Tensor) -> tuple[Tensor, ...]:
    return tuple(ops.cast(mask, like.dtype) for mask in masks)


def _at(values: Tensor, here: Tensor) -> Tensor:
    """The one chosen entry of each row, `(b, 1)`; 0 where none is."""
    return ops.sum(ops.where(here, values, 0.0), axis=1, keepdims=True)


# Below, masks are floats and arguments: a function with its own gradient that took them from around it could not be
# computed anew in chunks on JAX.
def _own_gap_sums(distances: Tensor, positives: Tensor, others: Tensor, function: Function, slope: Function) -> Tensor:
    @ops.custom_gradient
    def sums(distances: Tensor, *masks: Tensor) -> Any:
        positives, others = (ops.cast(mask, "bool") for mask in masks)

        def add(here: Tensor, total: Tensor) -> Tensor:
            values = ops.where(others, function(_at(distances, here) - distances), 0.0)
            return ops.where(here, ops.sum(values, axis=1, keepdims=True), total)

        def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            pull = arguments[0] if upstream is None else upstream

            def collect(here: Tensor, total: Tensor) -> Tensor:
                slopes = ops.where(others, slope(_at(distances, here) - distances), 0.0)
                weights = _at(pull, here) * slopes
                return total - weights + ops.where(here, ops.sum(weights, axis=1, keepdims=True), 0.0)

            own = each_positive(collect, ops.zeros_like(distances), positives)
            return own, *map(ops.zeros_like, masks)

        return each_positive(add, ops.zeros_like(distances), positives), gradient

    return sums(distances, *_as_floats(distances, positives, others))


def _least_gap_sums(
    distances: Tensor, key_distances: Tensor, positives: Tensor, others: Tensor, function: Function, slope: Function
) -> Tensor:
    keys = ops.shape(key_distances)[0]

    @ops.custom_gradient
    def sums(distances: Tensor, key_distances: Tensor, *masks: Tensor) -> Any:
        positives, others = (ops.cast(mask, "bool") for mask in masks)

        def seen_from(here: Tensor) -> tuple[Tensor, Tensor]:
            """Which key is the positive, and the distances of all keys to it, `(b, n)`."""
            index = ops.argmax(ops.cast(here, "int32"), axis=1)
            return index, ops.take(key_distances, index, axis=0)

        def add(here: Tensor, total: Tensor) -> Tensor:
            nearest = ops.minimum(distances, seen_from(here)[1])
            values = ops.where(others, function(_at(distances, here) - nearest), 0.0)
            return ops.where(here, ops.sum(values, axis=1, keepdims=True), total)

        def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            pull = arguments[0] if upstream is None else upstream

            def collect(here: Tensor, totals: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
                index, swapped = seen_from(here)
                gaps = _at(distances, here) - ops.minimum(distances, swapped)
                weights = _at(pull, here) * ops.where(others, slope(gaps), 0.0)
                own = ops.where(distances <= swapped, weights, 0.0)
                of_anchor = ops.where(here, ops.sum(weights, axis=1, keepdims=True), 0.0) - own
                return totals[0] + of_anchor, totals[1] - ops.segment_sum(weights - own, index, keys)

            start = ops.zeros_like(distances), ops.zeros_like(key_distances)
            return *each_positive(collect, start, positives), *map(ops.zeros_like, masks)

        return each_positive(add, ops.zeros_like(distances), positives), gradient

    return sums(distances, key_distances, *_as_floats(distances, positives, others))
