"""What constructors of losses ask of their arguments, beside what `core.checks` asks of everyone's."""

from collections.abc import Sequence
from typing import Any

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance, get_distance

__all__ = ["check_distance", "check_margin", "check_number_or_none"]

NEVER_NEGATIVE = {"cosine", "euclidean", "squared_euclidean", "manhattan", "snr"}


def check_number_or_none(value: Any, *, hint: str, **limits: Any) -> float | None:
    """Return None as it is, and a number as `check_number` does."""
    return None if value is None else check_number(value, hint=hint, **limits)


def check_margin(value: Any, distance: Distance, *, name: str, hint: str) -> float:
    """Return a number that a distance can be; of those of this package, only an inner product is below 0."""
    limits = {"at_least": 0} if distance.name in NEVER_NEGATIVE else {}
    return check_number(value, name=name, hint=hint, **limits)


def check_distance(distance: str | Distance, usable: Sequence[str], *, why: str) -> Distance:
    """Return the distance when a loss can use it, or raise a ValueError that names those it can use."""
    found = get_distance(distance)
    if found.name not in usable:
        names = " or ".join(map(repr, usable))
        raise ValueError(f"`distance` must be {names} for this loss: got {found.name!r}.\n  {why}")
    return found
