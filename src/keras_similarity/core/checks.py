"""What every public door asks of its arguments, said once: shape, type, finite numbers, whole k, equal lengths."""

import math
import operator
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "as_array",
    "as_vectors",
    "check_choice",
    "check_finite",
    "check_k",
    "check_number",
    "check_same_length",
    "check_whole",
]

LEAST_SQUARE = 1e-30  # of a norm: below, products of float32 numbers lose their digits


def as_array(values: Any) -> NDArray[Any]:
    """Turn anything array-like, a tensor of any framework included, into a NumPy array."""
    if hasattr(values, "detach"):  # torch: a tensor that requires gradients refuses to become an array
        values = values.detach().cpu()
    return np.asarray(values)


def as_vectors(values: Any, *, name: str, dim: int | None = None, unit_norm: bool = False) -> NDArray[np.float32]:
    """Return rows as C-contiguous float32 `(n, d)`, or raise before anything native sees them.

    Args:
        values: Array-like of real numbers, shape `(n, d)`.
        name: What the caller calls it, for the message.
        dim: The d that is needed, or None for any.
        unit_norm: Whether a row of zeros is an error, since it has no direction.

    Raises:
        ValueError: not 2-D, another width, a NaN, an infinity or a norm beyond float32, masked entries, or a row of
            zeros under `unit_norm`.
        TypeError: not real numbers.
    """
    if _is_sound_row(values, dim):
        return values
    try:
        array = as_array(values)
    except ValueError as error:
        raise ValueError(
            f"`{name}` needs rows of equal length, shape (n, d): got rows of different lengths.\n"
            f"  Pass one row of {dim or 'd'} numbers for each item."
        ) from error
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"`{name}` needs numbers everywhere: some are masked.\n  Fill them, or drop these rows.")
    if array.dtype.kind not in "fiu" and "float" not in array.dtype.name:  # bfloat16's kind is V
        raise TypeError(
            f"`{name}` needs real numbers: got dtype {array.dtype}.\n"
            "  Pass float32 rows of shape (n, d), as `model.embed(x)` returns them."
        )
    if array.ndim == 2 and dim is not None and array.shape[1] != dim:
        raise ValueError(
            f"`{name}` needs shape (n, {dim}): got shape {array.shape}.\n"
            f"  Vectors of {array.shape[1]} numbers are of another model: take those of the one that made the {dim}."
        )
    if array.ndim != 2:
        raise ValueError(
            f"`{name}` needs shape (n, {dim or 'd'}): got shape {array.shape}.\n"
            "  One row is shape (1, d): write `row[None]`."
        )
    with np.errstate(over="ignore"):  # what does not fit float32 becomes an infinity and is named below
        vectors = np.ascontiguousarray(array, np.float32)
    check_finite(vectors, name=name)
    _check_norms(vectors, name, unit_norm)
    return vectors


def _is_sound_row(values: Any, dim: int | None) -> bool:
    """Whether this is one float32 row with a finite, positive norm: the most frequent call, told by one product."""
    if type(values) is not np.ndarray or values.dtype != np.float32 or values.shape != (1, dim):
        return False
    if not values.flags.c_contiguous:
        return False
    return LEAST_SQUARE < float(np.vdot(values, values)) < math.inf


def check_finite(values: NDArray[Any], *, name: str) -> None:
    """Raise a ValueError that names the first row with a NaN or an infinity."""
    if values.dtype.kind != "f" or values.size == 0:
        return
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum(dtype=np.float64)):  # one pass, no temporary: the usual case
            return
    rows = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        value = rows[row][~np.isfinite(rows[row])][0]
        raise ValueError(
            f"`{name}` needs finite numbers: row {row} holds {value} ({int(bad.sum())} such rows).\n"
            f"  Drop them first: `{name}[np.isfinite({name}).reshape(len({name}), -1).all(axis=1)]`."
        )


def check_choice(value: Any, choices: Iterable[str], *, name: str, hint: str = "Pass one of these names.") -> None:
    """Raise a ValueError that lists the choices, and suggests the nearest, unless `value` is one of them."""
    known = sorted(choices)
    if value in known:
        return
    close = get_close_matches(str(value).lower(), known, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}: got {value!r}.\n  {guess}{hint}")


def check_k(k: Any) -> int:
    """Return `k` as an int ≥ 1, or raise a ValueError."""
    return check_whole(k, name="k", minimum=1)


def check_whole(value: Any, *, name: str, minimum: int) -> int:
    """Return `value` as an int ≥ `minimum`, or raise a ValueError; True and 2.0 are no whole numbers here."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = None
    if whole is None or isinstance(value, bool | np.bool_) or whole < minimum:
        raise ValueError(
            f"`{name}` must be a whole number of at least {minimum}: got {value!r}.\n"
            f"  Pass an int, such as {name}={max(minimum, 5)}."
        )
    return whole


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


def check_same_length(count: int, other: Any, *, name: str, what: str) -> None:
    """Raise a ValueError unless `other` has one entry for each of `count` rows of `what`."""
    length = len(other)
    if length != count:
        raise ValueError(
            f"`{name}` needs one entry per row of `{what}`: got {length} entries for {count} rows.\n"
            f"  Pass the `{name}` that belong to this `{what}`, in the same order."
        )


def _check_norms(vectors: NDArray[np.float32], name: str, unit_norm: bool) -> None:
    """Raise a ValueError for a row whose squared norm float32 cannot hold."""
    if len(vectors) == 0:
        return
    with np.errstate(over="ignore", under="ignore"):
        squares = np.einsum("nd,nd->n", vectors, vectors)
    if squares.max() == math.inf:
        row = int(squares.argmax())
        raise ValueError(
            f"`{name}` needs rows of a norm below 1.8e19, so that float32 holds its square: row {row} has norm "
            f"{np.linalg.norm(vectors[row].astype(np.float64)):.3g}.\n  Divide all rows by one number."
        )
    if not unit_norm or squares.min() > LEAST_SQUARE:
        return
    row = int(squares.argmin())
    count = int((squares <= LEAST_SQUARE).sum())
    what = "is nearly" if vectors[row].any() else "is"
    raise ValueError(
        f"`{name}` needs rows with a direction, since cosine distance compares directions: "
        f"row {row} {what} all zeros ({count} such rows).\n"
        "  Drop these rows, or use distance='euclidean'."
    )
