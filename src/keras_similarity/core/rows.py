"""Examples that a model with several inputs takes: a dict, list or tuple of arrays that share their first axis."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_finite

__all__ = ["as_rows", "count_rows", "map_rows", "take_rows"]


def map_rows(transform: Callable[[Any], Any], x: Any) -> Any:
    """Apply `transform` to each array of `x`, keeping its structure."""
    if isinstance(x, dict):
        return {key: transform(part) for key, part in x.items()}
    if isinstance(x, tuple):
        return tuple(transform(part) for part in x)
    return [transform(part) for part in x] if isinstance(x, list) else transform(x)


def as_rows(x: Any, *, name: str, inputs: int = 1) -> Any:
    """Return examples as arrays, or raise a ValueError before they are used.

    Args:
        x: An array or tensor `(n, …)`; for several inputs a dict, list or tuple of them. For a model of one input, a
            list is a list of examples.
        name: What the caller calls it, for the message.
        inputs: How many inputs the model has.

    Raises:
        ValueError: inputs of different lengths, or a NaN or an infinity; the message names the row.
    """
    if isinstance(x, list | tuple) and inputs == 1:
        x = as_array(x)
    rows = map_rows(as_array, x)
    lengths = {part.shape[0] if part.ndim else 0 for part in _parts(rows)}
    if len(lengths) != 1:
        raise ValueError(
            f"`{name}` needs inputs of one length: got {sorted(lengths)} rows.\n"
            "  Pass one array per input of the model, row i of each belonging together."
        )
    for part in _parts(rows):
        check_finite(part, name=name)
    return rows


def count_rows(x: Any) -> int:
    """Return how many examples `x` holds, 0 for none."""
    return next((len(part) for part in _parts(x)), 0)


def take_rows(x: Any, rows: slice | NDArray[np.integer]) -> Any:
    """Return the chosen examples, in the structure of `x`."""
    return map_rows(lambda part: part[rows], x)


def _parts(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return list(x.values())
    return list(x) if isinstance(x, list | tuple) else [x]
