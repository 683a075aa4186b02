import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.evaluate import evaluate_retrieval, retrieval_scores

# Neighbours of three queries, nearest first, and how many right ones the gallery holds.
RIGHT = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 1]], bool)
RELEVANT = np.array([2, 1, 4])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("recall@1", [1, 0, 0]),
        ("recall@2", [1, 0, 1]),
        ("recall@4", [1, 1, 1]),
        ("precision@1", [1, 0, 0]),
        ("precision@4", [2 / 4, 1 / 4, 3 / 4]),
        # R = 2: only ranks 1-2 count, 1/1 found, over 2. R = 1: rank 1 is wrong. R = 4: (1/2 + 2/3 + 3/4) / 4.
        ("map@r", [(1 / 1) / 2, 0, (1 / 2 + 2 / 3 + 3 / 4) / 4]),
    ],
)
def test_retrieval_scores_equal_the_table_worked_by_hand(metric, expected):
    np.testing.assert_allclose(retrieval_scores(RIGHT, RELEVANT, metric), expected)


@pytest.fixture
def line():
    """Items on a line at 0, 1, 2, … with labels a a b a b b."""
    index = Index(1, "euclidean")
    index.add(np.arange(6.0)[:, None], labels=list("aababb"))
    return index


def test_evaluate_retrieval__averages_over_queries(line):
    # From -1 the order is a a b a b b: R = 3, MAP@R = (1 + 1) / 3. From 6 it is b b a b a a: the same.
    scores = evaluate_retrieval(line, [[-1.0], [6.0], [-1.0]], ["a", "b", "b"], ["recall@1", "precision@3", "map@r"])
    assert scores == pytest.approx({"recall@1": 2 / 3, "precision@3": (2 + 2 + 1) / 9, "map@r": (4 / 3 + 1 / 9) / 3})


def test_evaluate_retrieval__blocks_of_queries__change_nothing(line, monkeypatch, rng):
    queries, labels = rng.uniform(0, 5, (20, 1)), rng.choice(["a", "b"], 20)
    whole = evaluate_retrieval(line, queries, labels)
    monkeypatch.setattr("keras_similarity.evaluate.retrieval.BLOCK_NEIGHBORS", 15)
    assert evaluate_retrieval(line, queries, labels) == pytest.approx(whole)


def test_evaluate_retrieval__k_beyond_the_index__counts_what_is_there(line):
    assert evaluate_retrieval(line, [[0.0]], ["b"], ["precision@12"]) == {"precision@12": pytest.approx(3 / 12)}


def test_evaluate_retrieval__label_the_index_lacks__is_left_out_with_a_warning(line, caplog):
    assert evaluate_retrieval(line, [[0.0], [0.0]], ["a", "z"], ["recall@1"]) == {"recall@1": 1.0}
    assert "left out 1 queries" in caplog.text


@pytest.mark.parametrize(
    ("queries", "labels", "metrics", "message"),
    [
        ([[0.0]], ["z"], ["recall@1"], "none of the 1 queries has one"),
        (np.empty((0, 1)), [], ["recall@1"], "none of the 0 queries has one"),
        ([[0.0]], ["a", "b"], ["recall@1"], "got 2 entries for 1 rows"),
        ([[0.0]], ["a"], ["recal@1"], "got 'recal@1'"),
        ([[0.0]], ["a"], ["recall@0"], "k of recall@0"),
        ([[np.nan]], ["a"], ["recall@1"], "row 0 holds nan"),
    ],
)
def test_evaluate_retrieval__bad_input__says_what(line, queries, labels, metrics, message):
    with pytest.raises(ValueError, match=message):
        evaluate_retrieval(line, queries, labels, metrics)
