"""What constructors of losses ask of their arguments, each with the same shape of message."""

import math
from collections.abc import Sequence
from typing import Any

from keras_similarity.core.distances import Distance, get_distance

__all__ = ["check_distance", "check_number", "check_number_or_none"]


def check_number(
    value: Any,
    *,
    name: str,
    hint: str,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> float:
    """Return `value` as a finite float within the limits, or raise a ValueError that ends in `hint`."""
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > above and at_least <= number <= at_most):
        limits = (("above", above), ("at least", at_least), ("at most", at_most))
        wanted = " and ".join(f"{words} {limit:g}" for words, limit in limits if math.isfinite(limit))
        raise ValueError(f"`{name}` must be {wanted or 'a finite number'}: got {value!r}.\n  {hint}")
    return number


def check_number_or_none(value: Any, *, hint: str, **limits: Any) -> float | None:
    """Return None as it is, and a number as `check_number` does."""
    return None if value is None else check_number(value, hint=hint, **limits)


def check_distance(distance: str | Distance, usable: Sequence[str], *, why: str) -> Distance:
    """Return the distance when a loss can use it, or raise a ValueError that names those it can use."""
    found = get_distance(distance)
    if found.name not in usable:
        names = " or ".join(map(repr, usable))
        raise ValueError(f"`distance` must be {names} for this loss: got {found.name!r}.\n  {why}")
    return found
