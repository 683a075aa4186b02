"""Same or different: how well one threshold on the distance tells pairs of one label from other pairs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_finite
from keras_similarity.core.distances import Distance
from keras_similarity.evaluate.pairs import pair_distances

__all__ = ["OperatingPoint", "VerificationCurve", "evaluate_verification", "verify_pairs"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


class OperatingPoint(NamedTuple):
    """What happens to pairs when those at a distance of at most `threshold` are accepted.

    Args:
        threshold: In units of the distance; -inf accepts nothing.
        tar: True accept rate: the fraction of the pairs of one label that is accepted.
        far: False accept rate: the fraction of the other pairs that is accepted.

    Example:
        >>> verify_pairs([0.25, 0.5], [0.5, 1.0]).at_far(0.5)
        OperatingPoint(threshold=0.5, tar=1.0, far=0.5)
    """

    threshold: float
    tar: float
    far: float


@dataclass(frozen=True, eq=False)
class VerificationCurve:
    """The ROC curve of a distance: every threshold that tells some pairs apart.

    Args:
        thresholds: Distances `(t,)`, ascending: each that some pair has.
        tar: True accept rates `(t,)`, see `OperatingPoint`.
        far: False accept rates `(t,)`.
        positives, negatives: How many pairs of one label and of two there are.

    Example:
        >>> curve = verify_pairs([0.25, 0.5], [0.5, 1.0])
        >>> curve.thresholds.tolist(), curve.tar.tolist(), curve.far.tolist()
        ([0.25, 0.5, 1.0], [0.5, 1.0, 1.0], [0.0, 0.5, 1.0])
        >>> curve.auc, curve.eer
        (0.875, 0.25)
    """

    thresholds: NDArray[np.float32] = field(repr=False)
    tar: Floats = field(repr=False)
    far: Floats = field(repr=False)
    positives: int
    negatives: int

    @property
    def auc(self) -> float:
        """The area under the curve: the chance that a pair of one label is nearer than another; ties count half."""
        return float(np.trapezoid(np.concatenate([[0], self.tar]), np.concatenate([[0], self.far])))

    @property
    def average_precision(self) -> float:
        """The area under the steps of precision over recall, pairs at one distance taken together."""
        accepted = self.tar * self.positives
        precision = accepted / (accepted + self.far * self.negatives)
        return float((np.diff(self.tar, prepend=0) * precision).sum())

    @property
    def eer(self) -> float:
        """The equal error rate: where as many pairs of one label are rejected as others accepted.

        Interpolated between neighbouring thresholds.
        """
        far, frr = np.concatenate([[0], self.far]), 1 - np.concatenate([[0], self.tar])
        after = int((far >= frr).argmax())  # at the last threshold, everything is accepted
        gap_before, gap_after = frr[after - 1] - far[after - 1], frr[after] - far[after]
        share = gap_before / (gap_before - gap_after)
        return float(far[after - 1] + share * (far[after] - far[after - 1]))

    def at_far(self, far: float) -> OperatingPoint:
        """Return the loosest threshold whose false accept rate is at most `far`.

        Where even the strictest accepts more, nothing is accepted: threshold -inf, rates 0.

        Args:
            far: In [0, 1]. Below 1 / `negatives` it cannot be told from 0, and a warning is logged.

        Raises:
            ValueError: outside [0, 1].
        """
        if not 0 <= far <= 1:
            raise ValueError(f"`far` must lie in [0, 1]: got {far!r}.\n  Pass 0.001 for one in a thousand.")
        if far < 1 / self.negatives:
            logger.warning("a false accept rate of %g takes more than %d negative pairs to see", far, self.negatives)
        allowed = int(np.searchsorted(self.far, far, side="right"))
        if allowed == 0:
            return OperatingPoint(-np.inf, 0.0, 0.0)
        return OperatingPoint(*(float(column[allowed - 1]) for column in (self.thresholds, self.tar, self.far)))


def verify_pairs(positives: Any, negatives: Any) -> VerificationCurve:
    """Draw the ROC curve from the distances of pairs.

    Args:
        positives: Distances of pairs of one label, `(m,)`, m ≥ 1.
        negatives: Distances of pairs of two labels, `(m',)`, m' ≥ 1.

    Raises:
        ValueError: none of one kind, NaN or infinity, another shape.

    Example:
        >>> curve = verify_pairs([0.1, 0.2, 0.6], [0.4, 0.7, 0.8, 0.9])
        >>> f"{curve.auc:.3f}", f"{curve.eer:.3f}", f"{curve.at_far(0.25).threshold:.3f}"
        ('0.917', '0.250', '0.600')
    """
    near, far = (_distances(values, name) for values, name in ((positives, "positives"), (negatives, "negatives")))
    thresholds = np.union1d(near, far)
    tar = np.searchsorted(np.sort(near), thresholds, side="right") / len(near)
    far_rates = np.searchsorted(np.sort(far), thresholds, side="right") / len(far)
    return VerificationCurve(thresholds, tar, far_rates, len(near), len(far))


def evaluate_verification(
    embeddings: Any,
    labels: Any,
    *,
    far: Sequence[float] = (0.01, 0.001),
    distance: str | Distance = "cosine",
    max_pairs: int = 1_000_000,
    seed: int = 0,
) -> dict[str, float]:
    """Compare items in pairs and tell how well a threshold on their distance says "the same".

    Args:
        embeddings: Rows `(n, d)`.
        labels: Their labels, `(n,)`.
        far: False accept rates at which to tell the true accept rate.
        distance, max_pairs, seed: See `pair_distances`.

    Returns:
        "auc", "eer", "average_precision", and "tar@far=…" for each rate, all in [0, 1]; see `VerificationCurve`.

    Raises:
        ValueError: see `pair_distances` and `VerificationCurve.at_far`.

    Cost: O(max_pairs · d) time.

    Example:
        >>> rows = [[0.0], [0.1], [5.0], [5.2]]
        >>> evaluate_verification(rows, ["a", "a", "b", "b"], far=[0.01], distance="euclidean")
        {'auc': 1.0, 'eer': 0.0, 'average_precision': 1.0, 'tar@far=0.01': 1.0}
    """
    curve = verify_pairs(*pair_distances(embeddings, labels, distance=distance, max_pairs=max_pairs, seed=seed))
    rates = {f"tar@far={rate:g}": curve.at_far(rate).tar for rate in far}
    return {"auc": curve.auc, "eer": curve.eer, "average_precision": curve.average_precision, **rates}


def _distances(values: Any, name: str) -> NDArray[np.float32]:
    array = np.asarray(as_array(values), np.float32)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"`{name}` needs one distance per pair, and at least one pair: got shape {array.shape}.\n"
            "  Pass distances of both kinds of pairs, as `pair_distances` returns them."
        )
    check_finite(array, name=name)
    return array
