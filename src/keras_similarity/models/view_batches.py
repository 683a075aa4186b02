"""Batches of views: told from an x and its y, which look much alike."""

from typing import Any

import keras

__all__ = ["with_views"]

Tensor = Any


def with_views(data: Any, input_shape: tuple[int | None, ...]) -> Any:
    """Return a batch as Keras unpacks it: `(first, second)` is one x of two views, not an x and its y."""
    parts: list[Any] = list(data) if isinstance(data, list | tuple) else []
    same = len({len(getattr(part, "shape", ())) for part in parts}) == 1
    views = len(parts) > 1 and same and all(_is_view(part, parts[0], input_shape) for part in parts)
    return (tuple(parts),) if views else data


def _is_view(part: Tensor, first: Tensor, input_shape: tuple[int | None, ...]) -> bool:
    """Whether the encoder takes it, and it is no table of whole numbers beside one of fractions, such as labels are."""
    shape, wanted = tuple(part.shape), tuple(input_shape)
    ways = [(shape, wanted), ((*shape, 1), wanted), (shape, (*wanted, 1))]
    # Keras adds a last axis of 1, or takes it off, where that makes the input fit.
    fits = any(
        all(None in pair or pair[0] == pair[1] for pair in zip(given[1:], taken[1:], strict=True))
        for given, taken in ways
        if len(given) == len(taken)
    )
    is_float, first_is_float = ("float" in keras.backend.standardize_dtype(of.dtype) for of in (part, first))
    return len(shape) > 1 and fits and (len(shape) > 2 or is_float or not first_is_float)
