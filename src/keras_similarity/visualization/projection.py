"""Embeddings on a plane: near one another what is near, as far as two directions can say it."""

import importlib.util
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_choice, check_whole
from keras_similarity.core.extras import import_extra

__all__ = ["METHODS", "project"]

METHODS = ("auto", "pacmap", "pca")
LEAST_ROWS, MOST_ROWS = 10, 100_000  # between which "auto" takes PaCMAP: below it has no neighbours, above minutes
NEIGHBORS = 10
BLOCK_ROWS = 2**16

Rows = NDArray[np.float32]


def project(embeddings: Any, *, method: str = "auto", seed: int = 0) -> Rows:
    """Place rows on a plane.

    Args:
        embeddings: Rows `(n, d)` of finite numbers, n ≥ 0 and d ≥ 1.
        method: "pca" keeps the two directions in which the rows differ most: fast, and distances mean the same
            everywhere. "pacmap" keeps neighbours together and groups apart: clearer to look at, but distances between
            groups say little, and their sizes nothing. "auto" is PaCMAP where it is installed and n lies between 10
            and 100,000, else PCA.
        seed: For PaCMAP: makes the map repeatable on one machine, ≥ 0. PCA has no chance in it.

    Returns:
        `(n, 2)`. Under PCA the centre is (0, 0), and the units are the embeddings'; a direction points to where the
        rows reach farthest from its centre. Rows that are all the same, and a second direction that rows of one number
        do not have, are 0.

    Raises:
        ValueError: another shape, a NaN or an infinity, an unknown method, a negative seed, or fewer than 10 rows, or
            constant ones, for "pacmap".
        TypeError: not numbers.
        MissingExtraError: "pacmap" is asked for and not installed.

    Cost: PCA O(n d²) time, 1 s for 1M × 64, and memory for 65,536 rows beside them. PaCMAP 10 s for 10,000
        rows, and 20 s once after it was installed, to compile.

    Example:
        >>> rows = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 5.0, 3.0]])
        >>> project(rows, method="pca").shape
        (3, 2)

    References:
        Wang et al., Understanding How Dimension Reduction Tools Work, 2021, arXiv:2012.04456 (PaCMAP).
    """
    check_choice(method, METHODS, name="method")
    seed = check_whole(seed, name="seed", minimum=0)
    rows = as_vectors(embeddings, name="embeddings")
    if rows.shape[1] == 0:
        raise ValueError("`embeddings` needs rows of at least one number: got shape (n, 0).\n  Pass rows (n, d).")
    varied = len(rows) >= LEAST_ROWS and bool((rows != rows[0]).any())
    if method == "auto":
        method = "pacmap" if varied and len(rows) <= MOST_ROWS and importlib.util.find_spec("pacmap") else "pca"
    if method == "pca":
        return _pca(rows)
    if not varied:
        raise ValueError(
            f"`method='pacmap'` needs at least {LEAST_ROWS} rows that differ: got {len(rows)}"
            f"{', all the same' if len(rows) >= LEAST_ROWS else ''}.\n  Pass method='pca'."
        )
    return _pacmap(rows, seed)


def _pca(rows: Rows) -> Rows:
    plane = np.zeros((len(rows), 2), np.float32)
    if len(rows) == 0:
        return plane
    center = rows.mean(axis=0, dtype=np.float64)
    spread = np.zeros((rows.shape[1], rows.shape[1]))
    blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, len(rows), BLOCK_ROWS)]
    for block in blocks:
        away = rows[block] - center
        spread += away.T @ away
    directions = np.linalg.eigh(spread)[1][:, :-3:-1]  # the largest last: one of them where d = 1
    for block in blocks:
        plane[block, : directions.shape[1]] = (rows[block] - center) @ directions
    # A direction and its opposite are as good as each other: the far end is the positive one, everywhere.
    flipped = -plane.min(axis=0) > plane.max(axis=0)
    return np.where(flipped, -plane, plane) + np.float32(0)  # no -0


def _pacmap(rows: Rows, seed: int) -> Rows:
    pacmap = import_extra("pacmap", extra="viz", purpose="a map by method='pacmap'")
    logger = logging.getLogger("pacmap")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns of every seed it is given
    try:
        reducer = pacmap.PaCMAP(n_neighbors=min(NEIGHBORS, len(rows) - 1), random_state=seed)
        return np.asarray(reducer.fit_transform(rows), np.float32)
    finally:
        logger.setLevel(level)
