"""Which gallery items answer a query, and how well: equal labels, labels in common, or a rule of the user's own."""

import logging
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.evaluate.ranks import RelevantRanks, discount, ranks_of

__all__ = ["Relevance", "Rule"]

logger = logging.getLogger(__name__)

Rule = str | Callable[[Any, Any], float]
Whole = NDArray[np.int64]
Floats = NDArray[np.float64]


class Relevance:
    """The relevant items of each query, by its label.

    Args:
        labels: The queries' labels, `(q,)`.
        gallery: The gallery's labels; for the rule "equal" those of the queries are enough.
        counts: How many items carry each of them, `(c,)`.
        rule: "equal"; "shared", where labels are tuples that have a member in common; "jaccard", the fraction of
            members they share, a graded gain; or a function of a query's and an item's label that returns a gain ≥ 0.
        own: The gallery's code of the item that is left out for each query, since it is the query itself; -1 for none.

    Raises:
        ValueError: an unknown rule, or a gain that is negative or not finite.
        TypeError: labels that are no tuples, under "shared" and "jaccard".
    """

    def __init__(
        self, labels: list[Hashable], gallery: LabelVocabulary, counts: Whole, *, rule: Rule, own: NDArray[np.integer]
    ) -> None:
        self.equal = isinstance(rule, str) and rule == "equal"
        classes = LabelVocabulary()
        self.codes = classes.encode(labels)
        self._gallery = gallery
        self._counts = np.append(counts, 0)  # the last for NO_LABEL, and for what the gallery lacks
        self._own = own
        self._labels = np.empty(len(labels), object)
        self._labels[:] = labels
        if self.equal:
            codes = gallery.find(classes.labels)
            answers = [(codes[code : code + 1].astype(np.intp), np.ones(1)) for code in range(len(classes))]
        else:
            self._table = _gain_table(classes.labels, gallery.labels, _function(rule))
            answers = [(np.flatnonzero(row), row[row > 0]) for row in self._table[:, :-1]]
        # The last for queries without a label, whose code is -1.
        self._answers = [*answers, (np.empty(0, np.intp), np.empty(0))]
        self.relevant = self._count()

    def answerable(self) -> NDArray[np.intp]:
        """Return the queries that have a right answer, and log how many have none.

        Raises:
            ValueError: no query has one.
        """
        answerable = np.flatnonzero(self.relevant > 0)
        total = len(self.relevant)
        if len(answerable) == 0:
            raise ValueError(self._why_none(total))
        if len(answerable) < total:
            logger.warning("left out %d queries whose label the index does not hold", total - len(answerable))
        return answerable

    def _why_none(self, total: int) -> str:
        example = next((label for label in self._labels if label is not None), None)
        if total and example is None:
            return (
                f"`labels` needs the classes of the queries: all {total} are None.\n  Pass them, or label the queries."
            )
        such = f"; they are such as {example!r:.60} ({type(example).__name__})" if total else ""
        return (
            f"`labels` needs labels that the index holds: none of the {total} queries has one{such}.\n"
            '  Index items of these classes first, and under labels of the same type: 1 and "1" are two.'
        )

    def answers(self, query: int) -> tuple[NDArray[np.integer], Floats]:
        """Return the gallery's codes of the labels that answer a query, and their gains."""
        return self._answers[self.codes[query]]

    def ranks(self, queries: NDArray[np.intp], labels: NDArray[Any]) -> RelevantRanks:
        """Find the relevant items among the neighbours `(p, k)` of some queries `(p,)`, by their labels."""
        if self.equal:
            # A missing neighbour's label is None, which no query's is that has an answer.
            right = np.asarray(labels == self._labels[queries][:, None]).astype(bool)
            return ranks_of(right, self.relevant[queries])
        codes = self._gallery.find(labels.ravel().tolist()).reshape(labels.shape)
        gains = self._table[self.codes[queries][:, None], codes]
        return ranks_of(gains, self.relevant[queries], self.ideal(queries))

    def ideal(self, queries: NDArray[np.intp]) -> Callable[[Whole], Floats]:
        """Return the function from depths to the discounted gain of the best possible ranking, for some queries."""
        if self.equal:
            relevant = self.relevant[queries]
            return lambda depths: discount(np.minimum(depths, relevant))

        def best(depths: Whole) -> Floats:
            pairs = np.stack([self.codes[queries], self._own[queries]])
            kinds, kind_of = np.unique(pairs, axis=1, return_inverse=True)
            values = np.empty(len(queries))
            for kind, (code, own) in enumerate(kinds.T.tolist()):
                rows = np.flatnonzero(kind_of.ravel() == kind)
                values[rows] = self._best_of(code, own, depths[rows])
            return values

        return best

    def _count(self) -> Whole:
        of_class = np.array([self._counts[codes].sum() for codes, _ in self._answers], np.int64)
        counts = of_class[self.codes]
        itself = np.flatnonzero(self._own >= 0)
        kinds, kind_of = np.unique(np.stack([self.codes, self._own])[:, itself], axis=1, return_inverse=True)
        answers = np.array([own in self._answers[code][0] for code, own in kinds.T.tolist()], bool)
        counts[itself] -= answers[kind_of.ravel()]
        return counts

    def _best_of(self, code: int, own: int, depths: Whole) -> Floats:
        codes, gains = self._answers[code]
        counts = self._counts[codes] - (codes == own)
        order = np.argsort(-gains, kind="stable")
        gains, ends = gains[order], np.cumsum(counts[order])
        within = np.minimum(depths[:, None], np.concatenate([[0], ends])[None, :])
        return (np.diff(discount(within), axis=1) * gains).sum(axis=1)


def _function(rule: Rule) -> Callable[[Any, Any], float]:
    if callable(rule):
        return rule
    check_choice(rule, ["equal", *_OVERLAPS], name="relevance")
    return _OVERLAPS[rule]


def _gain_table(queries: list[Hashable], gallery: list[Hashable], gain: Callable[[Any, Any], float]) -> Floats:
    """Return the gain of each pair of labels, and a last column of zeros for items without a label."""
    table = np.zeros((len(queries), len(gallery) + 1))
    for row, label in enumerate(queries):
        table[row, :NO_LABEL] = [gain(label, other) for other in gallery]
    if not (np.isfinite(table).all() and (table >= 0).all()):
        row, column = np.argwhere(~(np.isfinite(table) & (table >= 0)))[0].tolist()
        raise ValueError(
            f"`relevance` needs finite gains of at least 0: got {table[row, column]} for the labels "
            f"{queries[row]!r} and {gallery[column]!r}.\n  Return 0 for a pair that has nothing to do with each other."
        )
    return table


def _members(label: Any) -> set[Any]:
    if not isinstance(label, tuple | frozenset):
        raise TypeError(
            f"`relevance` 'shared' and 'jaccard' need labels that are tuples: got {label!r}.\n"
            "  Pass the tuple of its classes for each item, such as ('red', 'shoe')."
        )
    return set(label)


def _jaccard(a: Any, b: Any) -> float:
    ours, theirs = _members(a), _members(b)
    return len(ours & theirs) / max(1, len(ours | theirs))


_OVERLAPS: dict[str, Callable[[Any, Any], float]] = {
    "jaccard": _jaccard,
    "shared": lambda a, b: float(bool(_members(a) & _members(b))),
}
