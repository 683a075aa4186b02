"""Agreement with scikit-learn on real embeddings, whose whole numbers bring ties."""

import numpy as np
import pytest

from keras_similarity.core import pairwise_distances
from keras_similarity.evaluate import (
    compare_clusters,
    evaluate_embeddings,
    evaluate_verification,
    kmeans,
    pair_distances,
    verify_pairs,
)
from real_embeddings import fashion_embeddings

metrics = pytest.importorskip("sklearn.metrics")
NEAR = {"rel": 0, "abs": 1e-9}


@pytest.fixture(scope="module")
def embeddings(data_folder):
    rows, labels = fashion_embeddings(data_folder)
    return rows[:500], labels[:500]


def test_ranking__is_scikit_learns(embeddings):
    rows, labels = embeddings
    queries, gallery, query_labels, gallery_labels = rows[:80], rows[80:240], labels[:80], labels[80:240]
    report = evaluate_embeddings(
        queries, query_labels, gallery, gallery_labels, ["map", "ndcg@10", "ndcg"],
        distance="squared_euclidean", ties="average",
    )  # fmt: skip
    distances = pairwise_distances(queries, gallery, "squared_euclidean")
    right = query_labels[:, None] == gallery_labels
    compared = 0
    for row in range(len(queries)):
        for name, k in (("ndcg@10", 10), ("ndcg", None)):
            theirs = metrics.ndcg_score(right[row : row + 1], -distances[row : row + 1], k=k)
            assert report.per_query[name][row] == pytest.approx(theirs, **NEAR)
        times = dict(zip(*np.unique(distances[row], return_counts=True), strict=True))
        if all(times[value] == 1 for value in distances[row][right[row]]):  # else the two mean something else by it
            theirs = metrics.average_precision_score(right[row], -distances[row])
            assert report.per_query["map"][row] == pytest.approx(theirs, **NEAR)
            compared += 1
    assert 10 < compared < len(queries), "some have ties"


def test_verification__is_scikit_learns(embeddings):
    rows, labels = embeddings
    pairs = pair_distances(rows, labels, distance="squared_euclidean")
    same = np.repeat([1, 0], [len(pairs.positives), len(pairs.negatives)])
    distances = np.concatenate(pairs)
    assert len(np.unique(distances)) < len(distances), "ties"
    found = evaluate_verification(rows, labels, distance="squared_euclidean", far=[0.01])
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(same, -distances), **NEAR)
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(same, -distances), **NEAR)
    curve = verify_pairs(*pairs)
    far, tar, _ = metrics.roc_curve(same, -distances, drop_intermediate=False)
    np.testing.assert_allclose(curve.far, far[1:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(curve.tar, tar[1:], rtol=0, atol=1e-9)
    assert found["tar@far=0.01"] == pytest.approx(tar[far <= 0.01].max(), **NEAR)


def test_clusters__are_compared_as_scikit_learn_does(embeddings):
    rows, labels = embeddings
    clusters = kmeans(rows, 10)
    found = compare_clusters(labels, clusters, ["nmi", "ami", "ari", "v_measure", "homogeneity", "completeness"])
    theirs = {
        "nmi": metrics.normalized_mutual_info_score(labels, clusters),
        "ami": metrics.adjusted_mutual_info_score(labels, clusters),
        "ari": metrics.adjusted_rand_score(labels, clusters),
        "v_measure": metrics.v_measure_score(labels, clusters),
        "homogeneity": metrics.homogeneity_score(labels, clusters),
        "completeness": metrics.completeness_score(labels, clusters),
    }
    assert found == pytest.approx(theirs, **NEAR)
