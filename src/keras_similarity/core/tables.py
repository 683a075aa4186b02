"""Values of any kind as a column that other tools read."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["arrow_column"]

PLAIN = (bool, int, float, str, bytes)


def arrow_column(arrow: Any, values: NDArray[Any]) -> Any:
    """Return a `pyarrow.Array`: numbers, strings or bytes where all values are of one such type, else JSON strings.

    Args:
        arrow: The package pyarrow.
        values: `(n,)`; None for a missing one.
    """
    if values.dtype != object:
        return arrow.array(values)
    items = values.tolist()
    kinds = {type(item) for item in items if item is not None}
    small = all(abs(item) < 2**63 for item in items if type(item) is int)
    if len(kinds) <= 1 and kinds <= set(PLAIN) and small:
        return arrow.array(items)
    return arrow.array([None if item is None else json.dumps(item, default=_as_text) for item in items])


def _as_text(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)
