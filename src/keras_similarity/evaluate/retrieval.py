"""How good the neighbours are that an index finds, for queries whose labels are known."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_same_length
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary, label_list
from keras_similarity.core.results import SearchResult
from keras_similarity.evaluate.index_recall import index_recall
from keras_similarity.evaluate.ranks import ranks_of
from keras_similarity.evaluate.relevance import Relevance, Rule
from keras_similarity.evaluate.report import RetrievalReport
from keras_similarity.evaluate.retrieval_metrics import DEFAULT_METRICS, WHOLE, RetrievalMetric, parse_metrics
from keras_similarity.evaluate.searching import (
    BLOCK_NEIGHBORS,
    LabeledIndex,
    as_query_ids,
    check_no_nan,
    search_others,
)

__all__ = ["evaluate_result", "evaluate_retrieval", "retrieval_report", "retrieval_scores"]

logger = logging.getLogger(__name__)

LITTLE_LOST = 0.99  # of the true neighbours, below which scores say less of the embeddings than of the index
Rows = NDArray[np.intp]
Whole = NDArray[np.int64]


def evaluate_retrieval(
    index: LabeledIndex,
    queries: Any,
    labels: Any,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    average: str = "micro",
    **options: Any,
) -> dict[str, float]:
    """Search every query and average its scores.

    Args:
        index: Where to search; it must not hold the queries themselves, unless `ids` says under which ids.
        queries: Embeddings `(q, d)`, q ≥ 1.
        labels: The queries' true labels, `(q,)`.
        metrics: Names, see `retrieval_report`.
        average: "micro" over queries, or "macro" over the classes' own means.
        **options: `ids`, `relevance` and `gallery_labels`, see `retrieval_report`.

    Returns:
        Each name with its mean, in [0, 1]. A query whose label the index does not hold has no right answer: it is left
        out, and a warning is logged.

    Raises:
        ValueError: no queries, another number of labels, an unknown metric, or no query with a right answer.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> evaluate_retrieval(index, [[0.4], [3.5]], ["a", "a"], ["recall@1", "precision@2"])
        {'recall@1': 0.5, 'precision@2': 0.75}
    """
    return retrieval_report(index, queries, labels, metrics, **options).mean(average=average)


def retrieval_report(
    index: LabeledIndex,
    queries: Any,
    labels: Any,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    ids: Any = None,
    relevance: Rule = "equal",
    gallery_labels: Any = None,
) -> RetrievalReport:
    """Search every query and score it.

    Definition, with R the number of relevant items in the index and rel(i) whether the item at rank i is relevant:
        recall@k      1 if one of the first k is relevant, else 0: the hit rate, the CMC curve's value at k
        precision@k   Σ_{i ≤ k} rel(i) / k;  r_precision is precision@r, with k = R
        map@k         Σ_{i ≤ k} rel(i) · precision@i / min(R, k);  map@r has k = R, map every rank
        mrr@k         1 / the first relevant rank, 0 where that is beyond k;  mrr has every rank
        ndcg@k        Σ_{i ≤ k} gain(i) / log₂(1 + i), over the same of the best possible ranking
        cmc@k         recall@1, …, recall@k

    Args:
        index: Where to search.
        queries: Embeddings `(q, d)`, q ≥ 1.
        labels: The queries' true labels, `(q,)`.
        metrics: Names as above, k a number of at least 1.
        ids: For queries that are items of the index: the id of each, `(q,)`. That item is left out of the query's
            ranking, and is taken to carry the query's label. An id that the index does not hold leaves out nothing.
        relevance: "equal" labels, or another rule: "shared" or "jaccard" for labels that are tuples,
            or a function `(query label, item label) -> gain`, 0 for irrelevant. It is called once a pair of labels.
        gallery_labels: The label of every item of the index, in any order; needed by every rule but "equal".

    Returns:
        The scores by query: mean them, by class or not, with confidence intervals. Its `index_recall` says how much of
        an exact search the index finds: for an approximate engine it is measured at the largest k that was searched, on
        up to 256 queries, and below 0.99 a warning is logged.

    Raises:
        ValueError: no queries, another number of labels, an unknown metric, no query with a right answer, or a
            relevance that needs `gallery_labels` and has none.

    Cost: one search with the largest k of any metric, R counting as the most relevant items any query has; streamed
        in blocks of queries, some 100 MB. Where the embeddings of the gallery are at hand, `evaluate_embeddings` is
        faster for deep metrics.

    Example:
        >>> from keras_similarity import Index
        >>> index, rows, labels = Index(1, "euclidean"), [[0.0], [1.0], [1.2], [5.0]], ["a", "a", "b", "b"]
        >>> ids = index.add(rows, labels)
        >>> report = retrieval_report(index, rows, labels, ["recall@1"], ids=ids)
        >>> report.per_query["recall@1"].tolist(), report.mean()
        ([1.0, 0.0, 0.0, 1.0], {'recall@1': 0.5})

    References:
        MAP@R: Musgrave et al., A Metric Learning Reality Check, 2020, arXiv:2003.08505, section 3.2.
        NDCG: Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002, with linear gains.
    """
    rows = as_vectors(queries, name="queries")
    true_labels = label_list(labels)
    check_same_length(len(rows), true_labels, name="labels", what="queries")
    parsed = parse_metrics(metrics)
    own_ids = as_query_ids(ids, len(rows))
    indexed = np.zeros(len(rows), bool) if own_ids is None else index.contains(own_ids)
    related = _relate(true_labels, gallery_labels, relevance, indexed, index)

    def find(part: Rows, depth: int) -> NDArray[Any]:
        return search_others(index, rows[part], depth, None if own_ids is None else own_ids[part]).labels

    report = _score_blocks(parsed, true_labels, related, len(index), find)
    found = index_recall(index, rows, _depth(parsed, related, len(index)))
    if found < LITTLE_LOST:
        logger.warning("the index finds %.1f%% of what an exact search does: scores are lower for it", 100 * found)
    return replace(report, index_recall=found)


def evaluate_result(
    result: SearchResult,
    labels: Any,
    metrics: Sequence[str] = ("recall@1", "recall@5"),
    *,
    gallery_labels: Any = None,
    relevance: Rule = "equal",
) -> RetrievalReport:
    """Score the neighbours of a search that is done already; see `retrieval_report`.

    Args:
        result: The neighbours of the queries, without the queries themselves.
        labels: The queries' true labels, `(q,)`.
        metrics: Names; none may look deeper than the result goes. A missing neighbour counts as wrong.
        gallery_labels: The label of every item of the index, in any order. Without them, only recall, precision@k and
            mrr@k can be said, since the others need the number of relevant items; and every query counts.
        relevance: See `retrieval_report`.

    Raises:
        ValueError: another number of labels than queries, no queries, a metric that needs `gallery_labels` or more
            columns than there are, or NaN distances.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [5.0]], ["a", "b", "b"])
        >>> evaluate_result(index.search([[0.1], [0.4]], k=2), ["a", "b"], ["recall@1", "recall@2"]).mean()
        {'recall@1': 0.5, 'recall@2': 1.0}
    """
    true_labels = label_list(labels)
    check_same_length(len(result), true_labels, name="labels", what="result")
    check_no_nan(result)
    parsed = parse_metrics(metrics)
    indexed = np.zeros(len(true_labels), bool)
    if gallery_labels is None:
        _check_needs_no_counts(parsed, relevance)
        labeled = [label for label in true_labels if label is not None]
        related = _relate(true_labels, labeled, "equal", indexed, None)
    else:
        related = _relate(true_labels, gallery_labels, relevance, indexed, None)
    columns = result.ids.shape[1]
    gallery = WHOLE if gallery_labels is None else len(gallery_labels)
    needed = _depth(parsed, related, gallery)
    if needed > columns:
        raise ValueError(
            f"`result` needs as many columns as the metrics look at neighbours: got {columns}, and {needed} are needed."
            f"\n  Search with k={needed}, or ask for metrics at k ≤ {columns}."
        )
    return _score_blocks(parsed, true_labels, related, columns, lambda part, depth: result.labels[part, :depth])


def retrieval_scores(right: NDArray[np.bool_], relevant: Whole, metric: str) -> NDArray[Any]:
    """Score each query from which of its neighbours are right.

    Args:
        right: Whether the neighbour at each rank has the query's label, `(q, k)`, nearest first.
        relevant: How many items of the index have it, `(q,)`, each ≥ 1.
        metric: A name, see `retrieval_report`; k at least as large as the metric needs.

    Returns:
        `(q,)`, each in [0, 1].

    Example:
        >>> right = np.array([[True, False, True]])
        >>> retrieval_scores(right, np.array([2]), "precision@3").round(3).tolist()
        [0.667]
    """
    (parsed,) = parse_metrics([metric])
    return parsed.score(ranks_of(np.asarray(right, bool), np.asarray(relevant, np.int64)))


def _relate(
    labels: list[Hashable],
    gallery_labels: Any,
    relevance: Rule,
    indexed: NDArray[np.bool_],
    index: LabeledIndex | None,
) -> Relevance:
    """Return who is relevant to whom; `indexed` tells which queries are items of the gallery themselves."""
    if gallery_labels is not None:
        vocabulary = LabelVocabulary()
        codes = vocabulary.encode(label_list(gallery_labels, name="gallery_labels"))
        counts = np.bincount(codes[codes >= 0], minlength=len(vocabulary))
    elif relevance == "equal" and index is not None:
        vocabulary = LabelVocabulary(dict.fromkeys(label for label in labels if label is not None))
        counts = index.label_counts(vocabulary.labels)
    else:
        raise ValueError(
            f"`relevance` other than 'equal' needs the labels of the whole gallery: got {relevance!r} without them.\n"
            "  Pass `gallery_labels`, the label of every item of the index."
        )
    own = np.where(indexed, vocabulary.find(labels), NO_LABEL)
    return Relevance(labels, vocabulary, counts, rule=relevance, own=own)


def _score_blocks(
    metrics: list[RetrievalMetric],
    labels: list[Hashable],
    related: Relevance,
    gallery: int,
    find: Callable[[Rows, int], NDArray[Any]],
) -> RetrievalReport:
    """Score the queries that have an answer, in blocks; `find` returns the labels `(p, depth)` of their neighbours."""
    answerable = related.answerable()
    depth = _depth(metrics, related, gallery)
    scores = {metric.name: np.full(len(labels), np.nan) for metric in metrics}
    step = max(1, BLOCK_NEIGHBORS // depth)
    for start in range(0, len(answerable), step):
        part = answerable[start : start + step]
        ranks = related.ranks(part, find(part, depth))
        for metric in metrics:
            scores[metric.name][part] = metric.score(ranks)
    return RetrievalReport(scores, labels)


def _depth(metrics: list[RetrievalMetric], related: Relevance, gallery: int) -> int:
    """Return how many neighbours the deepest of the metrics looks at."""
    return max(metric.deepest(int(related.relevant.max(initial=0)), gallery) for metric in metrics)


def _check_needs_no_counts(metrics: list[RetrievalMetric], relevance: Rule) -> None:
    """Raise a ValueError for what cannot be said without the labels of the whole gallery."""
    needy = [metric.name for metric in metrics if metric.kind in ("map", "ndcg") or metric.k in (None, -1)]
    if needy or relevance != "equal":
        what = f"the metrics {needy}" if needy else f"the relevance {relevance!r}"
        raise ValueError(
            f"`gallery_labels` is needed for {what}: how many relevant items there are is not in the result.\n"
            "  Pass the label of every item of the index, or use `retrieval_report(index, …)`."
        )
