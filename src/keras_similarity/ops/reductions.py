"""Reductions over the chosen entries of a row that stay finite, values and gradients, when none is chosen."""

import math
from typing import Any

import keras
from keras import ops

__all__ = [
    "masked_log1p_sum_exp",
    "masked_log_sum_exp",
    "masked_max",
    "masked_mean",
    "masked_min",
    "masked_row_mean",
    "masked_row_sum",
    "safe_sqrt",
    "split_log_sum_exp",
]

Tensor = Any
# About 1e18, past every distance and logit but of rows longer than 1e9, and far from overflow: exp(-FAR) is exactly 0
# and FAR² is finite in float32. A power of 2 is the same number in every type it is compared in.
FAR = 2.0**60
# exp of it, summed over any batch, is finite in float32, and exp of its opposite is no denormal number.
SAFE_EXPONENT = 60.0


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """Largest chosen entry of each row, `(b, n)` -> `(b,)`; -2⁶⁰ where none is chosen.

    Example:
        >>> values, mask = ops.array([[1.0, 5.0, 2.0]]), ops.array([[True, False, True]])
        >>> float(masked_max(values, mask)[0]), float(masked_max(values, values > 9)[0]) == -(2**60)
        (2.0, True)
    """
    return ops.max(ops.where(mask, values, -FAR), axis=1)


def masked_min(values: Tensor, mask: Tensor) -> Tensor:
    """Smallest chosen entry of each row, `(b, n)` -> `(b,)`; 2⁶⁰ where none is chosen.

    Example:
        >>> values, mask = ops.array([[1.0, 5.0, 2.0]]), ops.array([[False, True, True]])
        >>> float(masked_min(values, mask)[0]), float(masked_min(values, values > 9)[0]) == 2**60
        (2.0, True)
    """
    return ops.min(ops.where(mask, values, FAR), axis=1)


def masked_log_sum_exp(logits: Tensor, mask: Tensor, bound: float = math.inf) -> Tensor:
    """Log Σ exp(logits) over the chosen entries of each row, `(b, n)` -> `(b,)`; -2⁶⁰ or less where none is.

    `bound`: see `split_log_sum_exp`.

    Example:
        >>> logits, mask = ops.array([[0.0, 0.0, 90.0]]), ops.array([[True, True, False]])
        >>> f"{float(masked_log_sum_exp(logits, mask)[0]):.3f}"  # log 2
        '0.693'
    """
    return split_log_sum_exp(logits, mask, bound=bound)[0]


def masked_log1p_sum_exp(logits: Tensor, mask: Tensor) -> Tensor:
    """log(1 + Σ exp(logits)) over the chosen entries of each row, `(b, n)` -> `(b,)`; 0 where none is chosen.

    Example:
        >>> logits, mask = ops.array([[0.0, 0.0, 90.0]]), ops.array([[True, True, False]])
        >>> f"{float(masked_log1p_sum_exp(logits, mask)[0]):.3f}"  # log 3
        '1.099'
    """
    return ops.softplus(masked_log_sum_exp(logits, mask))


def split_log_sum_exp(
    logits: Tensor, first: Tensor, second: Tensor | None = None, bound: float = math.inf
) -> tuple[Tensor, Tensor]:
    """Log Σ exp(logits) over two disjoint choices of entries of each row, with one exponential per entry.

    Args:
        logits: `(b, n)`; each entry is for the choice it belongs to.
        first: The first choice, boolean `(b, n)`.
        second: The second choice; None for none.
        bound: No logit, chosen or not, is larger in magnitude, but for those left out by a value of -2⁶⁰. Where that
            is little, no search for the largest is needed.

    Returns:
        Two `(b,)`, -2⁶⁰ or less where a choice is empty. On torch they have a first gradient only.

    Example:
        >>> logits, first = ops.array([[0.0, 0.0, 90.0]]), ops.array([[True, True, False]])
        >>> [f"{float(part[0]):.3f}" for part in split_log_sum_exp(logits, first, ops.logical_not(first))]
        ['0.693', '90.000']
    """
    choices = [first] if second is None else [first, second]
    if keras.backend.backend() == "torch":
        logs = _log_sums(logits, choices)
        return logs[0], logs[-1]
    if bound <= SAFE_EXPONENT:
        tops = [0.0, 0.0]
        powers = ops.exp(logits)
    else:
        still = ops.stop_gradient(logits)
        tops = [masked_max(still, choice) for choice in choices]
        # What belongs to no choice may overflow: it goes far below instead.
        shift = FAR
        for choice, top in zip(choices, tops, strict=True):
            shift = ops.where(choice, top[:, None], shift)
        powers = ops.exp(logits - shift)
    sums = [masked_row_sum(powers, choice) for choice in choices]
    logs = [top + _log_or_far(total) for top, total in zip(tops, sums, strict=False)]
    return logs[0], logs[-1]


def _log_sums(logits: Tensor, choices: list[Tensor]) -> Tensor:
    """Log Σ exp of each choice, `(choices, b)`, in few passes: where nothing is fused, each one writes a matrix.

    A softmax is one pass. It is the slope, and its largest entry is exp(largest logit) / Σ exp.
    """

    @ops.custom_gradient
    def logs(logits: Tensor) -> Any:
        parts = [ops.where(choice, logits, -FAR) for choice in choices]
        single = logits.shape[1] == 1  # of which Keras warns
        shares = [ops.ones_like(part) if single else ops.softmax(part, axis=1) for part in parts]
        tops = ops.stack([ops.max(part, axis=1) for part in parts])
        some = ops.cast(tops > -FAR, logits.dtype)

        def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> Tensor:
            pulls: Tensor = some * (arguments[0] if upstream is None else upstream)
            slopes = [pull[:, None] * share for pull, share in zip(pulls, shares, strict=True)]
            return sum(slopes[1:], slopes[0])

        return tops - ops.log(ops.stack([ops.max(share, axis=1) for share in shares])), gradient

    return logs(logits)


def _log_or_far(x: Tensor) -> Tensor:
    positive = x > 0
    return ops.where(positive, ops.log(ops.where(positive, x, 1.0)), -FAR)


def masked_row_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Sum of the chosen entries of each row, `(b, n)` -> `(b,)`.

    Example:
        >>> float(masked_row_sum(ops.array([[1.0, 5.0, 2.0]]), ops.array([[True, False, True]]))[0])
        3.0
    """
    return ops.sum(ops.where(mask, values, 0.0), axis=1)


def masked_row_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the chosen entries of each row, `(b, n)` -> `(b,)`; 0 where none is chosen.

    Example:
        >>> float(masked_row_mean(ops.array([[1.0, 5.0, 2.0]]), ops.array([[True, False, True]]))[0])
        1.5
    """
    count = ops.sum(ops.cast(mask, values.dtype), axis=1)
    return masked_row_sum(values, mask) / ops.maximum(count, 1.0)


def safe_sqrt(x: Tensor, smallest: float = 1e-30) -> Tensor:
    """√x, and 0 with a slope of 0 instead of infinity where x is not above `smallest`.

    Example:
        >>> ops.convert_to_numpy(safe_sqrt(ops.array([4.0, 0.0, -1.0]))).tolist()
        [2.0, 0.0, 0.0]
    """
    positive = x > smallest
    # The slope is taken at 1 there, and the 0 put back.
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1.0)), 0.0)


def masked_mean(values: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of the chosen values, a scalar; exactly 0, with zero gradient, where none is chosen.

    `weights` multiply the values and leave the denominator, the number of chosen ones, as it is: a sample weight
    scales a sample's pull, as it does in Keras's own losses.

    Example:
        >>> values, mask = ops.array([1.0, 3.0, 9.0]), ops.array([True, True, False])
        >>> float(masked_mean(values, mask)), float(masked_mean(values, mask, ops.array([1.0, 0.0, 1.0])))
        (2.0, 0.5)
    """
    chosen = ops.cast(mask, values.dtype)
    total = ops.sum(ops.where(mask, values, 0.0) * (1.0 if weights is None else weights))
    return total / ops.maximum(ops.sum(chosen), 1.0)
