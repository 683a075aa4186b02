"""Which label a query has, or none: neighbours decide, and a calibrated threshold accepts or rejects."""

from collections.abc import Hashable, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from keras_similarity.calibrate.results import CalibrationResults
from keras_similarity.core.checks import check_choice
from keras_similarity.core.results import Lookup, SearchResult
from keras_similarity.evaluate import Decisions, decide, get_matcher

__all__ = ["Matches", "match"]

ALL = "all"


class Matches(Sequence[Any]):
    """The labels of q queries; reads as a list of them, and says how sure each is and why.

    Args:
        decisions: What the neighbours decided on.
        accepted: Which decisions were near enough, `(q,)`.
        result: The neighbours.
        calibration: Where the threshold comes from.
        no_match_label: What stands for no label.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.calibrate import calibrate
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [10.0]], ["a", "b"])
        >>> calibration = calibrate(index, [[1.0], [9.0], [4.0]], ["a", "b", "c"])
        >>> matches = match(index.search([[1.0], [4.5]], k=1), calibration)
        >>> list(matches), matches.candidates, matches.probabilities.tolist()
        (['a', -1], ['a', 'a'], [1.0, 0.0])
        >>> matches.deciders(0)
        [Lookup(rank=1, distance=1.0, label='a', id=0)]
    """

    def __init__(
        self,
        decisions: Decisions,
        accepted: NDArray[np.bool_],
        result: SearchResult,
        calibration: CalibrationResults,
        no_match_label: Hashable,
    ) -> None:
        self.candidates = decisions.labels()
        self.matched = accepted
        self.distances = decisions.distances
        self.probabilities = calibration.probability(decisions.distances)
        self.labels: list[Any] = [
            label if near else no_match_label for label, near in zip(self.candidates, accepted.tolist(), strict=True)
        ]
        self._voters = decisions.voters
        self._result = result
        self._calibration = calibration

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.labels[index]

    def __eq__(self, other: object) -> bool:
        return self.labels == (other.labels if isinstance(other, Matches) else other)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  a list has none either

    def __repr__(self) -> str:
        return f"<Matches: {int(self.matched.sum())} of {len(self)} matched>"

    def deciders(self, query: int) -> list[Lookup]:
        """Return the neighbours whose votes decided on the label of one query, matched or not, nearest first."""
        query = range(len(self))[query]
        neighbors = self._result[query]
        return [neighbors[column] for column in np.flatnonzero(self._voters[query]).tolist()]

    def label_sets(self) -> list[tuple[Hashable, ...]]:
        """Return the labels that each query may have, the likeliest first; see `ConformalSets`.

        Raises:
            ValueError: the calibration was made without `coverage`, or with another k.
        """
        if self._calibration.conformal is None:
            raise ValueError(
                "`label_sets` needs a calibration with prediction sets.\n  Calibrate with coverage=0.95, for example."
            )
        return self._calibration.conformal.sets(self._result)


@overload
def match(  # pyright: ignore[reportOverlappingOverload]  "all" is a name like any other, with another result
    result: SearchResult,
    calibration: CalibrationResults,
    cutpoint: Literal["all"],
    *,
    no_match_label: Hashable = -1,
    matcher: Any = None,
) -> dict[str, Matches]: ...
@overload
def match(
    result: SearchResult,
    calibration: CalibrationResults,
    cutpoint: str = "optimal",
    *,
    no_match_label: Hashable = -1,
    matcher: Any = None,
) -> Matches: ...
def match(
    result: SearchResult,
    calibration: CalibrationResults,
    cutpoint: str = "optimal",
    *,
    no_match_label: Hashable = -1,
    matcher: Any = None,
) -> Any:
    """Label queries by their neighbours, and reject those too far from everything.

    Args:
        result: The neighbours of the queries, as many as the calibration had.
        calibration: From the same index and model.
        cutpoint: Name of one, or "all".
        no_match_label: What an unmatched query gets; it should be no label of the index.
        matcher: The user's own matcher, if one was calibrated; None for the calibration's.

    Returns:
        The matches; for "all", a dictionary of them by cutpoint.

    Raises:
        ValueError: an unknown cutpoint; another k or matcher than was calibrated, whose distances would mean something
            else; `no_match_label` is a label of a neighbour; NaN distances.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.calibrate import calibrate
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [10.0]], ["a", "b"])
        >>> targets = {"all known": "recall >= 1"}
        >>> calibration = calibrate(index, [[1.0], [7.0], [4.0]], ["a", "b", "c"], targets)
        >>> match(index.search([[0.5], [8.0], [15.0]], k=1), calibration, "all known", no_match_label="?").labels
        ['a', 'b', '?']
    """
    check_choice(cutpoint, [ALL, *calibration.cutpoints], name="cutpoint")
    voting = get_matcher(calibration.matcher if matcher is None else matcher)
    if voting.name != calibration.matcher:
        raise ValueError(
            f"`matcher` must be the calibration's, {calibration.matcher!r}: got {voting.name!r}.\n"
            "  Calibrate again with this matcher."
        )
    k = result.ids.shape[1]
    if k != calibration.k and not voting.nearest_only:
        raise ValueError(
            f"`result` needs {calibration.k} neighbours a query, as the calibration had for {voting.name!r}: got {k}.\n"
            f"  Search with k={calibration.k}, or calibrate with k={k}."
        )
    decisions = decide(result, voting)
    if no_match_label in decisions.vocabulary.labels:
        raise ValueError(
            f"`no_match_label` must be no label of the index: got {no_match_label!r}, which a neighbour has.\n"
            "  Pass another value, such as no_match_label=None."
        )
    found = {
        name: Matches(decisions, decisions.accepted(point), result, calibration, no_match_label)
        for name, point in calibration.cutpoints.items()
        if cutpoint in (ALL, name)
    }
    return found if cutpoint == ALL else found[cutpoint]
