"""Reductions over the chosen entries of a row that stay finite, values and gradients, when none is chosen."""

from typing import Any

from keras import ops

__all__ = ["masked_log1p_sum_exp", "masked_max", "masked_mean", "masked_min"]

Tensor = Any
# Past every distance and logit, and far from overflow: exp(-FAR) is exactly 0 and FAR² is finite in float32.
FAR = 1e9


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """Largest chosen entry of each row, `(b, n)` -> `(b,)`; -1e9 where none is chosen."""
    return ops.max(ops.where(mask, values, -FAR), axis=1)


def masked_min(values: Tensor, mask: Tensor) -> Tensor:
    """Smallest chosen entry of each row, `(b, n)` -> `(b,)`; +1e9 where none is chosen."""
    return ops.min(ops.where(mask, values, FAR), axis=1)


def masked_log1p_sum_exp(logits: Tensor, mask: Tensor) -> Tensor:
    """log(1 + Σ exp(logits)) over the chosen entries of each row, `(b, n)` -> `(b,)`; 0 where none is chosen."""
    return ops.softplus(ops.logsumexp(ops.where(mask, logits, -FAR), axis=1))


def masked_mean(values: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of the chosen values, a scalar; exactly 0, with zero gradient, where none is chosen.

    `weights` multiply the values and leave the denominator, the number of chosen ones, as it is: a sample weight
    scales a sample's pull, as it does in Keras's own losses.
    """
    chosen = ops.cast(mask, values.dtype)
    total = ops.sum(ops.where(mask, values, 0.0) * (1.0 if weights is None else weights))
    return total / ops.maximum(ops.sum(chosen), 1.0)
