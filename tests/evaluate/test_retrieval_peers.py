"""Agreement with scikit-learn and with pytorch-metric-learning's AccuracyCalculator, ties included."""

import numpy as np
import pytest

from keras_similarity.core import pairwise_distances
from keras_similarity.evaluate import evaluate_embeddings
from real_embeddings import fashion_embeddings

OURS_TO_PML = {
    "precision@1": "precision_at_1",
    "r_precision": "r_precision",
    "map@r": "mean_average_precision_at_r",
    "map": "mean_average_precision",
    "mrr": "mean_reciprocal_rank",
}


def peer_accuracy(query, query_labels, *reference, **options):
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
    calculator = module.AccuracyCalculator(
        include=tuple(OURS_TO_PML.values()), device=torch.device("cpu"), avg_of_avgs=options.get("macro", False)
    )
    rows = [torch.tensor(array) for array in (query, query_labels, *reference)]
    return calculator.get_accuracy(*rows)


def check_against_pml(*arrays, macro=False):
    theirs = peer_accuracy(*arrays, macro=macro)
    report = evaluate_embeddings(*arrays, list(OURS_TO_PML), distance="squared_euclidean") if len(arrays) > 2 else None
    report = report or evaluate_embeddings(*arrays, metrics=list(OURS_TO_PML), distance="squared_euclidean")
    ours = report.mean(average="macro" if macro else "micro")
    for name, peers_name in OURS_TO_PML.items():
        # The peer averages reciprocal ranks in float32.
        tolerance = 1e-6 if name == "mrr" else 1e-9
        assert ours[name] == pytest.approx(theirs[peers_name], abs=tolerance), name


@pytest.mark.slow  # torch, which the peer needs, is where the slow tests run
@pytest.mark.parametrize("macro", [False, True], ids=["micro", "macro"])
@pytest.mark.parametrize("levels", [3, 4000], ids=["many ties", "few ties"])
def test_accuracy_calculator__random_embeddings__same_values(rng, levels, macro):
    gallery, labels = rng.integers(-levels, levels, (400, 2)).astype(np.float32), rng.integers(0, 5, 400)
    queries, query_labels = rng.integers(-levels, levels, (150, 2)).astype(np.float32), rng.integers(0, 7, 150)
    check_against_pml(queries, query_labels, gallery, labels, macro=macro)
    check_against_pml(gallery, labels, macro=macro)


@pytest.mark.slow
def test_accuracy_calculator__real_embeddings__same_values(data_folder):
    rows, labels = fashion_embeddings(data_folder)
    check_against_pml(rows[:200], labels[:200], rows[200:900], labels[200:900])
    check_against_pml(rows[:400], labels[:400])


def test_ndcg__is_scikit_learns__ties_and_graded_gains_included(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    gallery, labels = rng.integers(0, 5, (60, 2)), rng.integers(0, 6, 60).tolist()
    queries, query_labels = rng.integers(0, 5, (20, 2)), rng.integers(0, 6, 20).tolist()
    depths = {"ndcg@1": 1, "ndcg@5": 5, "ndcg@17": 17, "ndcg": None}

    def closeness(a, b):
        return max(0, 3 - abs(a - b))

    report = evaluate_embeddings(
        queries,
        query_labels,
        gallery,
        labels,
        list(depths),
        distance="manhattan",
        relevance=closeness,
        ties="average",
    )
    gains = np.array([[closeness(a, b) for b in labels] for a in query_labels])
    distances = pairwise_distances(queries, gallery, "manhattan")
    for name, k in depths.items():
        theirs = metrics.ndcg_score(gains, -distances, k=k)
        assert report.mean()[name] == pytest.approx(theirs, abs=1e-9)


def test_average_precision__is_scikit_learns(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    gallery, labels = rng.normal(size=(80, 3)), rng.integers(0, 4, 80)
    queries, query_labels = rng.normal(size=(25, 3)), rng.integers(0, 4, 25)
    report = evaluate_embeddings(queries, query_labels, gallery, labels, ["map"])
    distances = pairwise_distances(queries, gallery)
    assert all(len(set(row)) == 80 for row in distances.tolist()), "ties: the two differ in what they mean there"
    for row, value in enumerate(report.per_query["map"]):
        theirs = metrics.average_precision_score(labels == query_labels[row], -distances[row])
        assert value == pytest.approx(theirs, abs=1e-9)
