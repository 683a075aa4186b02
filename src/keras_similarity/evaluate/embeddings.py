"""Retrieval among embeddings that lie in memory: every query ranks every row, exactly, without an index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, as_vectors, check_choice, check_same_length
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import LabelVocabulary, label_list
from keras_similarity.evaluate.exact_distances import ExactDistances
from keras_similarity.evaluate.ranker import NO_ROW, Ranker
from keras_similarity.evaluate.relevance import Relevance, Rule
from keras_similarity.evaluate.report import RetrievalReport
from keras_similarity.evaluate.retrieval_metrics import DEFAULT_METRICS, parse_metrics

__all__ = ["evaluate_embeddings"]

BLOCK_ENTRIES = 2**20  # neighbours scored in one go: some 50 MB

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


def evaluate_embeddings(
    queries: Any,
    labels: Any,
    gallery: Any = None,
    gallery_labels: Any = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    own_rows: Any = None,
    distance: str | Distance = "cosine",
    relevance: Rule = "equal",
    ties: str = "order",
) -> RetrievalReport:
    """Rank a gallery for every query, exactly, and score it; nothing is indexed.

    Args:
        queries: Embeddings `(q, d)`, q ≥ 1.
        labels: The queries' true labels, `(q,)`.
        gallery: Embeddings `(n, d)`; None for the queries themselves, each of which is left out of its own ranking.
        gallery_labels: Their labels, `(n,)`.
        metrics: Names, see `retrieval_report`.
        own_rows: For a gallery that holds queries: which of its rows is the query itself, `(q,)`, -1 for none. That
            row is left out.
        distance: Name or `Distance`.
        relevance: See `retrieval_report`.
        ties: What items at equal distance are worth: "order" takes them in the order of the gallery, as a search
            does; "average" takes the mean over all their orders, which depends on no order.

    Returns:
        The scores by query. One without a right answer has NaN, and a warning is logged.

    Raises:
        ValueError: shapes that do not fit, a row of zeros under cosine, an unknown name, no query with a right
            answer, or one of `gallery` and `gallery_labels` without the other.

    Cost: O(q n d) time and a sort of what the deepest metric looks at; up to 400 MB beside the embeddings, however
        many there are. Deep metrics such as "map@r" cost much less than an index's search does at that depth.

    Example:
        >>> rows = np.array([[0.0], [1.0], [3.0], [4.0]])
        >>> report = evaluate_embeddings(rows, ["a", "a", "b", "b"], metrics=["map@r"], distance="euclidean")
        >>> report.mean()
        {'map@r': 1.0}

    References:
        Ties: McSherry & Najork, Computing information retrieval performance measures efficiently in the presence of
        tied scores, 2008.
    """
    measure, parsed = get_distance(distance), parse_metrics(metrics)
    check_choice(ties, ["average", "order"], name="ties")
    rows = as_vectors(queries, name="queries", unit_norm=measure.needs_unit_norm)
    true_labels = label_list(labels)
    check_same_length(len(rows), true_labels, name="labels", what="queries")
    items, item_labels, own = _gallery(rows, true_labels, gallery, gallery_labels, own_rows, measure)
    vocabulary = LabelVocabulary()
    codes = vocabulary.encode(item_labels)
    counts = np.bincount(codes[codes >= 0], minlength=len(vocabulary))
    own_codes = np.where(own == NO_ROW, NO_ROW, np.append(codes, NO_ROW)[own])
    related = Relevance(true_labels, vocabulary, counts, rule=relevance, own=own_codes)
    answerable = related.answerable()
    depth = max(metric.deepest(int(related.relevant.max()), len(items)) for metric in parsed)
    scores = {metric.name: np.full(len(rows), np.nan) for metric in parsed}
    ranker = Ranker(related, codes, own, depth, average=ties == "average")
    for part, distances in ExactDistances(items, measure).score_blocks(rows, ranker.by_class(answerable)):
        for some in np.array_split(np.arange(len(part)), -(-len(part) * depth // BLOCK_ENTRIES)):
            ranks = ranker.ranks(part[some], distances[some])
            for metric in parsed:
                scores[metric.name][part[some]] = metric.score(ranks)
    return RetrievalReport(scores, true_labels)


def _gallery(
    rows: Floats, labels: list[Any], gallery: Any, gallery_labels: Any, own_rows: Any, measure: Distance
) -> tuple[Floats, list[Any], Rows]:
    """Return the gallery's rows and labels, and which row each query is itself."""
    if (gallery is None) != (gallery_labels is None):
        raise ValueError(
            "`gallery` and `gallery_labels` come together: got one without the other.\n"
            "  Pass both, or neither to rank the queries among themselves."
        )
    if gallery is None:
        return rows, labels, np.arange(len(rows))
    items = as_vectors(gallery, name="gallery", dim=rows.shape[1], unit_norm=measure.needs_unit_norm)
    item_labels = label_list(gallery_labels, name="gallery_labels")
    check_same_length(len(items), item_labels, name="gallery_labels", what="gallery")
    if own_rows is None:
        return items, item_labels, np.full(len(rows), NO_ROW)
    own = as_array(own_rows)
    check_same_length(len(rows), own, name="own_rows", what="queries")
    if own.ndim != 1 or own.dtype.kind not in "iu" or own.min(initial=0) < NO_ROW or own.max(initial=0) >= len(items):
        raise ValueError(
            f"`own_rows` needs row numbers of the gallery, from 0 to {len(items) - 1}, or -1: got {own_rows!r}.\n"
            "  Pass, for each query, the row of the gallery that is the query itself."
        )
    return items, item_labels, own.astype(np.intp)
