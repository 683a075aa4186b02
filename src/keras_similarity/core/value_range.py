"""The least and the greatest value that a pixel can have."""

import math
from typing import Any

from keras_similarity.core.checks import check_number

__all__ = ["check_value_range"]


def check_value_range(value: Any) -> tuple[float, float]:
    """Return a range as two floats.

    Raises:
        ValueError: it is no pair of numbers, or the second is not above the first.

    Example:
        >>> check_value_range((0, 255))
        (0.0, 255.0)
    """
    hint = "Pass (0, 255) for pixels of whole numbers, (0, 1) for scaled ones."
    try:
        low, high = value
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    low = check_number(low, name="value_range[0]", hint=hint)
    return low, check_number(high, name="value_range[1]", hint=hint, above=low)
