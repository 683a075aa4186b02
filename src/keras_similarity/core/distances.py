"""What a distance is: one number per pair, smaller is closer, the same under every name's owner.

The NumPy form lives here and is the reference; `ops/pairwise.py` holds the same formulas for tensors. Each distance
has a *definition* (`between`), used for few pairs and exact near zero, and where possible a *dot form*: with
products of transformed queries and untouched gallery rows, one matrix product scores a whole gallery.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_choice

__all__ = ["Distance", "distance_names", "get_distance", "pairwise_distances", "register_distance"]

Array = NDArray[np.floating]
# Below this fraction of the query's magnitude, a distance taken from dot products has lost digits to cancellation.
CANCELLATION = 1e-1


@dataclass(frozen=True)
class DotForm:
    """A distance by way of scores, which order a gallery as the distance does and cost one matrix product.

        score = ⟨query', gallery row⟩ · row_scale + row_bias        distance = finish(score, query')

    Args:
        query: Rows `(q, d)` -> the rows `(q, d)` to multiply with the untouched gallery.
        finish: Scores `(q, k)` and transformed queries `(q, d)` -> distances `(q, k)`.
        row_scale: Gallery rows `(n, d)` -> a factor per row, `(n,)`; None for 1.
        row_bias: Gallery rows `(n, d)` -> a summand per row, `(n,)`; None for 0.
        magnitude: Transformed queries `(q, d)` -> `(q,)`: distances far below it have lost digits to cancellation;
            None where small values lose nothing.
    """

    query: Callable[[Array], Array]
    finish: Callable[[Array, Array], Array]
    row_scale: Callable[[Array], Array] | None = None
    row_bias: Callable[[Array], Array] | None = None
    magnitude: Callable[[Array], Array] | None = None


@dataclass(frozen=True)
class Distance:
    """A named way to compare two embeddings.

    Args:
        name: The name users write.
        range: Smallest and largest possible value.
        between: Rows `(…, d)` and `(…, d)` -> distances `(…)`: the definition, in float64.
        needs_unit_norm: Whether it compares directions only, so that a zero vector has no distance.
        aliases: Other accepted names.
        dots: The dot form, or None where there is none.
        tensor: `between` in `keras.ops`, for losses; the distances of this module have theirs in `ops`.

    See `register_distance` for one of your own.

    Example:
        >>> signs = Distance("signs", (0.0, float("inf")), lambda a, b: (np.sign(a) != np.sign(b)).sum(axis=-1))
        >>> pairwise_distances([[1, -2, 3]], [[1, 2, -3], [2, -1, 1]], signs).tolist()
        [[2.0, 0.0]]
    """

    name: str
    range: tuple[float, float]
    between: Callable[[Array, Array], Array] = field(repr=False)
    needs_unit_norm: bool = False
    aliases: tuple[str, ...] = ()
    dots: DotForm | None = field(default=None, repr=False)
    tensor: Callable[[Any, Any], Any] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name


@functools.cache
def _tiny(dtype: np.dtype[np.floating]) -> float:
    return float(np.finfo(dtype).tiny)


def _norm(x: Array) -> Array:
    return np.sqrt(np.vecdot(x, x))


def _unit(x: Array) -> Array:
    if x.ndim == 1:  # a single query, for which the number of calls is what takes time
        return x / max(math.sqrt(x.dot(x)), _tiny(x.dtype))
    return x / np.maximum(_norm(x), _tiny(x.dtype))[..., None]


def _centred(x: Array) -> Array:
    return x - x.mean(axis=-1, keepdims=True)


def _square_norm(x: Array) -> Array:
    return np.vecdot(x, x)


def _square_gap(a: Array, b: Array) -> Array:
    return _square_norm(a - b)


def _inverse_norm(x: Array) -> Array:
    return 1 / np.maximum(_norm(x), _tiny(x.dtype))


def _doubled_square(transformed: Array) -> Array:
    """The squared norm of queries that the dot form multiplied by -2."""
    return (_square_norm(transformed) / 4)[:, None]


def _square_from_scores(scores: Array, transformed: Array) -> Array:
    return np.maximum(scores + _doubled_square(transformed), 0)


def _power(centred: Array) -> Array:
    """The signal's power, never 0: a constant query is infinitely far from everything but itself."""
    return np.maximum(_square_norm(centred), _tiny(centred.dtype))


def _snr_between(a: Array, b: Array) -> Array:
    return _square_norm(_centred(a) - _centred(b)) / _power(_centred(a))


INFINITY = float("inf")

DISTANCES = (
    Distance(
        "cosine",
        (0.0, 2.0),
        # Half the squared gap of unit rows is 1 − cos, without the cancellation near 0.
        lambda a, b: _square_gap(_unit(a), _unit(b)) / 2,
        needs_unit_norm=True,
        aliases=("cosine_distance",),
        dots=DotForm(
            query=lambda q: -_unit(q),
            row_scale=_inverse_norm,
            finish=lambda scores, _: np.maximum(1 + scores, 0),
            magnitude=lambda q: np.ones(len(q), q.dtype),
        ),
    ),
    Distance(
        "euclidean",
        (0.0, INFINITY),
        lambda a, b: np.sqrt(_square_gap(a, b)),
        aliases=("l2", "euclidean_distance"),
        dots=DotForm(
            query=lambda q: -2 * q,
            row_bias=_square_norm,
            finish=lambda scores, q: np.sqrt(_square_from_scores(scores, q)),
            magnitude=lambda q: _norm(q) / 2,
        ),
    ),
    Distance(
        "squared_euclidean",
        (0.0, INFINITY),
        _square_gap,
        aliases=("sql2", "sqeuclidean", "squared_l2"),
        dots=DotForm(
            query=lambda q: -2 * q,
            row_bias=_square_norm,
            finish=_square_from_scores,
            magnitude=lambda q: _square_norm(q) / 4,
        ),
    ),
    Distance(
        "manhattan",
        (0.0, INFINITY),
        lambda a, b: np.abs(a - b).sum(axis=-1),
        aliases=("l1", "taxicab"),
    ),
    Distance(
        "inner_product",
        (-INFINITY, INFINITY),
        lambda a, b: -np.vecdot(a, b),
        aliases=("ip", "dot"),
        dots=DotForm(query=lambda q: -q, finish=lambda scores, _: scores),
    ),
    Distance(
        "snr",
        (0.0, INFINITY),
        _snr_between,
        aliases=("signal_to_noise",),
        dots=DotForm(
            query=lambda q: -2 * _centred(q),
            row_bias=lambda g: _square_norm(_centred(g)),
            finish=lambda scores, q: _square_from_scores(scores, q) / _power(q / 2)[:, None],
            magnitude=lambda q: np.ones(len(q), q.dtype),
        ),
    ),
)
_BY_NAME = {name: distance for distance in DISTANCES for name in (distance.name, *distance.aliases)}


def distance_names() -> list[str]:
    """Return the canonical names, sorted.

    Example:
        >>> [name for name in distance_names() if name.endswith("euclidean")]
        ['euclidean', 'squared_euclidean']
    """
    return sorted({distance.name for distance in _BY_NAME.values()})


def get_distance(distance: "str | Distance") -> Distance:
    """Find a distance by its name or an alias.

    Args:
        distance: A name, in any case, or a `Distance`, which is returned as it is.

    Raises:
        ValueError: no distance has this name; the message suggests the nearest one.

    Example:
        >>> get_distance("l2").name
        'euclidean'
    """
    if isinstance(distance, Distance):
        return distance
    name = distance.lower() if isinstance(distance, str) else ""
    if name not in _BY_NAME:
        check_choice(distance, distance_names(), name="distance", hint="`register_distance` makes your own known.")
    return _BY_NAME[name]


def register_distance(distance: Distance) -> Distance:
    """Make a distance of your own known by its name, everywhere.

    Models, losses and indexes are saved with the name of their distance: register it before one of them is loaded.

    Args:
        distance: One with another name than those of this package; the same name again replaces your own.

    Returns:
        The distance.

    Raises:
        ValueError: the name, or an alias, is one of this package's.

    Example:
        >>> chebyshev = Distance("chebyshev", (0.0, float("inf")), lambda a, b: np.abs(a - b).max(axis=-1))
        >>> pairwise_distances([[0, 0]], [[3, 4]], register_distance(chebyshev)).tolist()
        [[4.0]]
    """
    names = [name.lower() for name in (distance.name, *distance.aliases)]
    taken = [name for name in names if _BY_NAME.get(name) in DISTANCES]
    if taken:
        raise ValueError(
            f"`distance` needs a name of its own: {taken[0]!r} is one of this package's.\n  Choose another name."
        )
    _BY_NAME.update(dict.fromkeys(names, distance))
    return distance


def pairwise_distances(queries: Array, gallery: Array, distance: str | Distance = "cosine") -> NDArray[np.float32]:
    """Compute every distance between two sets of rows, from the definition.

    Args:
        queries, gallery: Float rows `(q, d)` and `(n, d)`, of which there may be none.
        distance: Name or `Distance`.

    Returns:
        Float32 `(q, n)`; inf where a distance is beyond float32, NaN for rows that hold NaN. A row of zeros, which an
        index refuses, is at cosine distance 0.5 from any other, and a constant query infinitely far by "snr".

    Raises:
        ValueError: not two axes, rows of another width, or a distance of no known name.

    Cost: O(q n d) time and, in blocks of queries, O(n d) memory: the reference, not the way to search.

    Example:
        >>> pairwise_distances(np.eye(2), 3 * np.eye(2), "manhattan").tolist()
        [[2.0, 4.0], [4.0, 2.0]]
    """
    distance = get_distance(distance)
    wide_queries, wide_gallery = _wide_rows(queries, "queries"), _wide_rows(gallery, "gallery")
    if wide_queries.shape[1] != wide_gallery.shape[1]:
        shapes = f"{wide_queries.shape} and {wide_gallery.shape}"
        raise ValueError(f"`queries` and `gallery` need rows of one width: got shapes {shapes}.\n  Use one model.")
    result = np.empty((len(wide_queries), len(wide_gallery)), np.float32)
    with np.errstate(over="ignore"):  # in float32
        for row, query in enumerate(wide_queries):
            result[row] = distance.between(query[None], wide_gallery)
    return result


def _wide_rows(rows: Array, name: str) -> NDArray[np.float64]:
    wide = as_array(rows).astype(np.float64, copy=False)
    if wide.ndim != 2:
        raise ValueError(
            f"`{name}` needs shape (n, d): got shape {wide.shape}.\n  One row is shape (1, d): write `row[None]`."
        )
    return wide
