"""Slow, obvious forms of the retrieval metrics: one query at a time, one rank at a time."""

import itertools
import math


def score(gains, all_gains, metric):
    """The value of one query.

    `gains`: of the ranked items, nearest first. `all_gains`: of every item of the gallery, in any order.
    """
    kind, _, depth = metric.partition("@")
    relevant = sum(gain > 0 for gain in all_gains)
    k = len(gains) if depth == "" else relevant if depth == "r" else int(depth)
    seen = list(gains[:k])
    if kind == "recall":
        return float(any(gain > 0 for gain in seen))
    if kind == "precision":
        return sum(gain > 0 for gain in seen) / k
    if kind == "map":
        total, found = 0.0, 0
        for rank, gain in enumerate(seen, start=1):
            if gain > 0:
                found += 1
                total += found / rank
        return total / min(relevant, k)
    if kind == "mrr":
        return next((1 / rank for rank, gain in enumerate(seen, start=1) if gain > 0), 0.0)
    assert kind == "ndcg"
    best = sorted(all_gains, reverse=True)[:k]
    return _discounted(seen) / _discounted(best)


def score_over_ties(distances, gains, metric):
    """The mean of `score` over every order that the distances allow."""
    groups = [list(group) for _, group in itertools.groupby(sorted(zip(distances, gains, strict=True)), lambda p: p[0])]
    orders = itertools.product(*(itertools.permutations([gain for _, gain in group]) for group in groups))
    values = [score([gain for part in order for gain in part], gains, metric) for order in orders]
    return sum(values) / len(values)


def _discounted(gains):
    return sum(gain / math.log2(1 + rank) for rank, gain in enumerate(gains, start=1))
