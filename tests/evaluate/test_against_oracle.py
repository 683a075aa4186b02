"""Every retrieval metric, by every door, against slow loops."""

import itertools

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core import distance_names, pairwise_distances
from keras_similarity.evaluate import evaluate_embeddings, evaluate_result, retrieval_report
from oracles.retrieval import score, score_over_ties

METRICS = [
    *(f"{kind}@{k}" for kind in ("recall", "precision", "map", "mrr", "ndcg") for k in (1, 2, 3, 7, 30, "r")),
    *("map", "mrr", "ndcg"),
]
RULES = {
    "equal": lambda a, b: float(a == b),
    "shared": lambda a, b: float(bool(set(a) & set(b))),
    "jaccard": lambda a, b: len(set(a) & set(b)) / len(set(a) | set(b)),
}


def draw(rng, relevance, count, grid=None):
    rows = rng.normal(size=(count, 3)) if grid is None else rng.integers(1, 1 + grid, (count, 3)).astype(float)
    if relevance == "equal":
        return rows, rng.choice(["a", "b", "c", "d"], count, p=[0.5, 0.3, 0.15, 0.05]).tolist()
    sets = [tuple(np.flatnonzero(rng.random(4) < 0.4).tolist()) or (9,) for _ in range(count)]
    return rows, sets


def expected(queries, labels, gallery, gallery_labels, metric, relevance, distance="cosine", *, own=None, ties="order"):
    """One value a query, None where nothing is relevant."""
    values = []
    for row, distances in enumerate(pairwise_distances(queries, gallery, distance)):
        kept = [item for item in range(len(gallery)) if own is None or item != own[row]]
        gains = [RULES[relevance](labels[row], gallery_labels[item]) for item in kept]
        near = distances[kept]
        if not any(gains):
            values.append(np.nan)
        elif ties == "average":
            values.append(score_over_ties(near.tolist(), gains, metric))
        else:
            values.append(score([gains[item] for item in np.argsort(near, kind="stable")], gains, metric))
    return values


@pytest.mark.parametrize("relevance", list(RULES))
@pytest.mark.parametrize("grid", [None, 3], ids=["no ties", "ties"])
def test_embeddings_index_and_result__agree_with_loops(rng, relevance, grid):
    queries, labels = draw(rng, relevance, 14, grid)
    gallery, gallery_labels = draw(rng, relevance, 41, grid)
    index = Index(3, "euclidean")
    index.add(gallery, gallery_labels)
    reports = [
        evaluate_embeddings(
            queries, labels, gallery, gallery_labels, METRICS, distance="euclidean", relevance=relevance
        ),
        retrieval_report(index, queries, labels, METRICS, relevance=relevance, gallery_labels=gallery_labels),
        evaluate_result(
            index.search(queries, k=41), labels, METRICS, relevance=relevance, gallery_labels=gallery_labels
        ),
    ]
    for metric, report in itertools.product(METRICS, reports):
        loops = expected(queries, labels, gallery, gallery_labels, metric, relevance, "euclidean")
        np.testing.assert_allclose(report.per_query[metric], loops, rtol=1e-12, err_msg=metric)


@pytest.mark.parametrize("relevance", list(RULES))
def test_own_item_is_left_out__by_id_and_by_row(rng, relevance):
    rows, labels = draw(rng, relevance, 40, grid=3)
    ids = [f"item {row}" for row in range(40)]
    index = Index(3, "euclidean")
    index.add(rows, labels, ids=ids)
    chosen = rng.permutation(40)[:12]
    some, own = [labels[row] for row in chosen], [ids[row] for row in chosen]
    reports = [
        evaluate_embeddings(
            rows[chosen], some, rows, labels, METRICS, own_rows=chosen, distance="euclidean", relevance=relevance
        ),
        retrieval_report(index, rows[chosen], some, METRICS, ids=own, relevance=relevance, gallery_labels=labels),
    ]
    for metric, report in itertools.product(METRICS, reports):
        loops = expected(rows[chosen], some, rows, labels, metric, relevance, "euclidean", own=chosen)
        np.testing.assert_allclose(report.per_query[metric], loops, rtol=1e-12, err_msg=metric)


@pytest.mark.parametrize("distance", distance_names())
def test_embeddings_alone__are_ranked_among_themselves(rng, distance):
    rows, labels = draw(rng, "equal", 30)
    report = evaluate_embeddings(rows, labels, metrics=METRICS, distance=distance)
    for metric in METRICS:
        loops = expected(rows, labels, rows, labels, metric, "equal", distance, own=range(30))
        np.testing.assert_allclose(report.per_query[metric], loops, rtol=1e-12, err_msg=metric)


@pytest.mark.parametrize("relevance", list(RULES))
def test_average_over_ties__is_the_mean_of_every_order(rng, relevance):
    gallery, gallery_labels = draw(rng, relevance, 8, grid=2)
    queries, labels = draw(rng, relevance, 6, grid=2)
    report = evaluate_embeddings(
        queries, labels, gallery, gallery_labels, METRICS, distance="manhattan", relevance=relevance, ties="average"
    )
    for metric in METRICS:
        loops = expected(queries, labels, gallery, gallery_labels, metric, relevance, "manhattan", ties="average")
        np.testing.assert_allclose(report.per_query[metric], loops, rtol=1e-12, err_msg=metric)


def test_blocks_of_gallery_and_of_queries__change_nothing(rng, monkeypatch):
    rows, labels = draw(rng, "equal", 60)
    whole = evaluate_embeddings(rows, labels, metrics=METRICS)
    monkeypatch.setattr("keras_similarity.evaluate.exact_distances.BLOCK_BYTES", 4 * 60 * 7)
    monkeypatch.setattr("keras_similarity.evaluate.exact_distances.GALLERY_STEP", 13)
    parts = evaluate_embeddings(rows, labels, metrics=METRICS)
    for metric in METRICS:
        np.testing.assert_array_equal(whole.per_query[metric], parts.per_query[metric])


def test_custom_relevance__gains_as_the_function_says(rng):
    shades = {"red": 0, "pink": 1, "blue": 5}
    names = list(shades)

    def closeness(a, b):
        return max(0, 3 - abs(shades[a] - shades[b]))

    gallery, gallery_labels = rng.normal(size=(20, 2)), rng.choice(names, 20).tolist()
    report = evaluate_embeddings(gallery, gallery_labels, metrics=["ndcg@5", "map"], relevance=closeness)
    for row, distances in enumerate(pairwise_distances(gallery, gallery)):
        kept = [item for item in range(20) if item != row]
        gains = [closeness(gallery_labels[row], gallery_labels[item]) for item in kept]
        ranked = [gains[item] for item in np.argsort(distances[kept], kind="stable")]
        assert report.per_query["ndcg@5"][row] == pytest.approx(score(ranked, gains, "ndcg@5"), rel=1e-12)
        assert report.per_query["map"][row] == pytest.approx(score(ranked, gains, "map"), rel=1e-12)
