"""The names of the retrieval metrics, how deep each looks, and what each says of one query."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_whole
from keras_similarity.evaluate.ranks import RelevantRanks

__all__ = ["DEFAULT_METRICS", "WHOLE", "RetrievalMetric", "parse_metrics"]

DEFAULT_METRICS = ("recall@1", "recall@5", "map@r")
WHOLE = 2**62  # deeper than any gallery
Floats = NDArray[np.float64]
Depths = NDArray[np.int64]


@dataclass(frozen=True)
class RetrievalMetric:
    """One metric at one depth.

    Args:
        name: As in results.
        kind: "recall", "precision", "map", "mrr" or "ndcg".
        k: How many neighbours count: a number, None for all, or -1 for R, the number of relevant items.
    """

    name: str
    kind: str
    k: int | None

    def deepest(self, most_relevant: int, gallery: int) -> int:
        """Return how many neighbours the metric needs to see."""
        return min(gallery, {None: gallery, -1: most_relevant}.get(self.k, self.k or 0))

    def score(self, ranks: RelevantRanks) -> Floats:
        """Return the value of each query, `(q,)`, in [0, 1]."""
        depths = ranks.relevant if self.k == -1 else np.full(len(ranks.relevant), WHOLE if self.k is None else self.k)
        return _SCORES[self.kind](ranks, depths)


def parse_metrics(metrics: Sequence[str]) -> list[RetrievalMetric]:
    """Return the metrics of these names, each once; "cmc@3" stands for "recall@1", "recall@2" and "recall@3".

    Raises:
        ValueError: no name, or one that is unknown.

    Example:
        >>> [metric.name for metric in parse_metrics(["cmc@3", "recall@1", "map@r"])]
        ['recall@1', 'recall@2', 'recall@3', 'map@r']
    """
    if isinstance(metrics, str) or not metrics:
        raise ValueError(f"`metrics` needs a list of names: got {metrics!r}.\n  For example {list(DEFAULT_METRICS)}.")
    found: dict[str, RetrievalMetric] = {}
    for name in metrics:
        for metric in _parse(name):
            found.setdefault(metric.name, metric)
    return list(found.values())


def _parse(name: str) -> list[RetrievalMetric]:
    if name == "r_precision":
        return [RetrievalMetric(name, "precision", -1)]
    match = re.fullmatch(r"(cmc|map|mrr|ndcg|precision|recall)(?:@(r|-?\d+))?", str(name))
    if match is None or (match[1] in ("cmc", "precision", "recall") and match[2] is None) or name == "cmc@r":
        raise ValueError(
            f"`metrics` takes 'recall@k', 'precision@k', 'map@k', 'mrr@k', 'ndcg@k' (k a number, or r for the number "
            f"of relevant items), 'map', 'mrr', 'ndcg', 'r_precision' and 'cmc@k': got {name!r}.\n"
            f"  For example metrics={list(DEFAULT_METRICS)}."
        )
    kind, depth = match[1], match[2]
    k = (
        {None: None, "r": -1}[depth]
        if depth in (None, "r")
        else check_whole(int(depth), name=f"k of {name}", minimum=1)
    )
    if kind == "cmc":
        return [RetrievalMetric(f"recall@{rank}", "recall", rank) for rank in range(1, (k or 0) + 1)]
    return [RetrievalMetric(name, kind, k)]


def _recall(ranks: RelevantRanks, depths: Depths) -> Floats:
    return ranks.sum_within(ranks.first, depths)


def _precision(ranks: RelevantRanks, depths: Depths) -> Floats:
    return ranks.sum_within(ranks.weight, depths) / depths


def _average_precision(ranks: RelevantRanks, depths: Depths) -> Floats:
    return ranks.sum_within(ranks.weight * ranks.nth / ranks.rank, depths) / np.minimum(ranks.relevant, depths)


def _reciprocal_rank(ranks: RelevantRanks, depths: Depths) -> Floats:
    return ranks.sum_within(ranks.first / ranks.rank, depths)


def _discounted_gain(ranks: RelevantRanks, depths: Depths) -> Floats:
    return ranks.sum_within(ranks.gain / np.log2(ranks.rank + 1.0), depths) / ranks.ideal(depths)


_SCORES: dict[str, Callable[[RelevantRanks, Depths], Floats]] = {
    "map": _average_precision,
    "mrr": _reciprocal_rank,
    "ndcg": _discounted_gain,
    "precision": _precision,
    "recall": _recall,
}
