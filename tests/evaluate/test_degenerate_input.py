"""Input of which little can be said: an error that says so, or a value that is documented, never a silent 0 or 1."""

import math
from dataclasses import replace

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.evaluate import (
    decide,
    evaluate_classification,
    evaluate_embeddings,
    evaluate_result,
    evaluate_retrieval,
    get_matcher,
    verify_pairs,
)


@pytest.fixture
def index():
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0], [2.0]], [1, 1, 2])
    return index


def test_no_query_of_a_known_class(index, caplog):
    with pytest.raises(ValueError, match="none of the 2 queries has one"):
        evaluate_retrieval(index, [[0.0], [1.0]], ["1", "2"])
    found = evaluate_classification(index, [[0.0], [1.0]], ["1", "2"], metrics=["recall", "accuracy"])["threshold"]
    assert math.isnan(found["recall"])
    assert "they are such as '1' (str), the index's such as 1 (int)" in caplog.text


def test_no_query_of_an_unknown_class(index):
    found = evaluate_classification(index, [[0.0]], [1], metrics=["fpr", "npv", "balanced_accuracy"])["threshold"]
    assert all(math.isnan(found[name]) for name in ("fpr", "npv", "balanced_accuracy"))


def test_an_empty_index():
    empty = Index(1, "euclidean")
    with pytest.raises(ValueError, match="none of the 1 queries has one"):
        evaluate_retrieval(empty, [[0.0]], ["a"])
    found = evaluate_classification(empty, [[0.0]], ["a"], metrics=["precision", "accuracy"])["threshold"]
    assert math.isnan(found["precision"])
    assert found["accuracy"] == 1, "the class is unknown, and the query is rejected"


def test_all_distances_equal():
    curve = verify_pairs([0.5, 0.5], [0.5, 0.5, 0.5])
    assert (curve.auc, curve.eer, curve.average_precision) == (0.5, 0.5, 2 / 5)
    assert curve.at_far(0.5).threshold == -np.inf, "nothing is accepted, since all of it would be"
    rows, labels = np.ones((5, 2)), ["a", "a", "b", "b", "b"]
    chances = evaluate_embeddings(rows, labels, metrics=["precision@1"], ties="average").per_query["precision@1"]
    np.testing.assert_allclose(chances, [1 / 4, 1 / 4, 1 / 2, 1 / 2, 1 / 2])


def test_k_beyond_the_neighbours_present(index):
    assert evaluate_retrieval(index, [[0.0]], [1], ["recall@50", "precision@4"]) == {"recall@50": 1, "precision@4": 0.5}
    found = evaluate_classification(index, [[0.0]], [1], k=50, matcher="majority_vote", metrics=["recall"])
    assert found["threshold"]["recall"] == 1


def test_nan_distances(index):
    result = index.search([[0.0], [1.0]], k=2)
    broken = replace(result, distances=np.array([[0, 1], [0, np.nan]], np.float32))
    for call in (
        lambda: evaluate_result(broken, [1, 1], ["recall@1"]),
        lambda: decide(broken, get_matcher("match_nearest")),
    ):
        with pytest.raises(ValueError, match="distances that are numbers: row 1 holds NaN"):
            call()
