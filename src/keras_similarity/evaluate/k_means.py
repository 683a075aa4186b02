"""k-means: clusters without labels, to be compared with the labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_whole

__all__ = ["kmeans"]

BLOCK_NUMBERS = 2**22  # of squared distances in one go: some 16 MB

Floats = NDArray[np.float32]


def kmeans(
    embeddings: Any, clusters: int, *, iterations: int = 25, restarts: int = 1, seed: int = 0
) -> NDArray[np.intp]:
    """Group rows by the nearest of k centres, by Euclidean distance.

    Args:
        embeddings: Rows `(n, d)`.
        clusters: How many, from 1 to n.
        iterations: At most so many rounds; fewer once no row changes its cluster.
        restarts: So many starts, ≥ 1, of which the tightest result is kept.
        seed: Makes it repeatable.

    Returns:
        The cluster of each row, `(n,)`, from 0. Where many rows are equal, some clusters may stay empty.

    Raises:
        ValueError: clusters outside 1 to n, or numbers below 1.

    Cost: O(restarts · iterations · n · clusters · d) time, some 16 MB.

    Example:
        >>> groups = kmeans([[0.0], [5.0], [0.1], [5.2]], 2)
        >>> bool(groups[0] == groups[2]), bool(groups[0] == groups[1])
        (True, False)

    References:
        Arthur & Vassilvitskii, k-means++: the advantages of careful seeding, 2007.
    """
    rows = as_vectors(embeddings, name="embeddings")
    clusters = check_whole(clusters, name="clusters", minimum=1)
    if clusters > len(rows):
        raise ValueError(
            f"`clusters` must be at most the number of rows: got {clusters} for {len(rows)} rows.\n"
            "  Ask for fewer, or pass more rows."
        )
    iterations = check_whole(iterations, name="iterations", minimum=1)
    rng = np.random.default_rng(seed)
    best, best_inertia = np.zeros(len(rows), np.intp), np.inf
    for _ in range(check_whole(restarts, name="restarts", minimum=1)):
        members, inertia = _one_run(rows - rows.mean(axis=0), clusters, iterations, rng)
        if inertia < best_inertia:
            best, best_inertia = members, inertia
    return best


def _one_run(rows: Floats, clusters: int, iterations: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], float]:
    centres = _seeded_centres(rows, clusters, rng)
    members, gaps = _nearest(rows, centres)
    for _ in range(iterations):
        counts = np.bincount(members, minlength=clusters)
        order = np.argsort(members, kind="stable")
        held = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[held]
        centres[held] = np.add.reduceat(rows[order], starts, axis=0) / counts[held, None]
        if len(held) < clusters:  # an empty cluster starts anew at one of the rows farthest from their centres
            centres[counts == 0] = rows[np.argsort(-gaps, kind="stable")[: clusters - len(held)]]
        before, (members, gaps) = members, _nearest(rows, centres)
        if np.array_equal(before, members):
            break
    return members, float(gaps.sum(dtype=np.float64))


def _seeded_centres(rows: Floats, clusters: int, rng: np.random.Generator) -> Floats:
    """Choose rows far from those chosen before, with chances that grow with the squared distance."""
    centres = np.empty((clusters, rows.shape[1]), np.float32)
    centres[0] = rows[rng.integers(len(rows))]
    gaps = np.full(len(rows), np.inf)
    for position in range(1, clusters):
        fresh = rows - centres[position - 1]
        gaps = np.minimum(gaps, np.einsum("nd,nd->n", fresh, fresh, dtype=np.float64))
        total = gaps.sum()
        chosen = rng.integers(len(rows)) if total == 0 else rng.choice(len(rows), p=gaps / total)
        centres[position] = rows[chosen]
    return centres


def _nearest(rows: Floats, centres: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return each row's nearest centre, and the squared distance to it."""
    members, gaps = np.empty(len(rows), np.intp), np.empty(len(rows), np.float32)
    squares = np.einsum("cd,cd->c", centres, centres)
    step = max(1, BLOCK_NUMBERS // len(centres))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        scores = squares - 2 * part @ centres.T
        nearest = scores.argmin(axis=1)
        members[start : start + step] = nearest
        near = scores[np.arange(len(part)), nearest] + np.einsum("nd,nd->n", part, part)
        gaps[start : start + step] = np.maximum(near, 0)
    return members, gaps
