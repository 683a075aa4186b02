import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.evaluate import (
    evaluate_embeddings,
    evaluate_result,
    evaluate_retrieval,
    retrieval_report,
    retrieval_scores,
)

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


def test_evaluate_retrieval__macro__weighs_classes_alike(line):
    scores = evaluate_retrieval(line, [[-1.0], [6.0], [-1.0]], ["a", "b", "b"], ["recall@1"], average="macro")
    assert scores == {"recall@1": (1 + 1 / 2) / 2}


def test_k_means_the_same_in_every_metric__when_the_own_item_is_left_out(line):
    """A query's k counts others only: upstream's precision counted the query itself, and its recall did not."""
    ids = [0, 1, 2, 3, 4, 5]
    metrics = ["recall@2", "precision@2", "map@2", "ndcg@2", "mrr@2"]
    report = retrieval_report(line, np.arange(6.0)[:, None], list("aababb"), metrics, ids=ids)
    # Item 3 ("a") sees b b first (2 and 4, then 1); item 0 sees 1 (a) and 2 (b); R = 2 for both.
    assert {name: values[3] for name, values in report.per_query.items()} == dict.fromkeys(metrics, 0.0)
    best = 1 + 1 / np.log2(3)
    assert {name: values[0] for name, values in report.per_query.items()} == pytest.approx(
        {"recall@2": 1, "precision@2": 1 / 2, "map@2": 1 / 2, "ndcg@2": 1 / best, "mrr@2": 1}
    )


def test_perfect_embeddings__have_precision_and_map_of_1_at_every_k(rng):
    rows = np.repeat(np.eye(3), 4, axis=0)
    report = evaluate_embeddings(
        rows, np.repeat([7, 8, 9], 4), metrics=["precision@3", "map@3", "map@r", "r_precision"]
    )
    assert report.mean() == {"precision@3": 1, "map@3": 1, "map@r": 1, "r_precision": 1}


def test_one_class_only__scores_1_as_every_answer_is_right(rng):
    assert evaluate_embeddings(rng.normal(size=(5, 2)), ["a"] * 5).mean() == dict.fromkeys(
        ["recall@1", "recall@5", "map@r"], 1.0
    )


def test_large_ids_as_labels__stay_apart():
    labels = [2**24, 2**24 + 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63 - 2]
    report = evaluate_embeddings(np.eye(6)[[0, 0, 1, 1, 2, 2]], labels, np.eye(6)[:3], labels[::2], ["recall@1"])
    assert np.nan_to_num(report.per_query["recall@1"], nan=-1).tolist() == [1, -1, 1, -1, 1, -1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": "map@r"}, "needs a list of names"),
        ({"metrics": []}, "needs a list of names"),
        ({"metrics": ["precision"]}, "got 'precision'"),
        ({"metrics": ["cmc@r"]}, "got 'cmc@r'"),
        ({"ids": [1]}, "`ids` needs one entry per row of `queries`"),
        ({"relevance": "shard"}, "`relevance` other than 'equal' needs the labels"),
        ({"relevance": "shard", "gallery_labels": list("aababb")}, "Did you mean 'shared'"),
        ({"relevance": lambda a, b: -1, "gallery_labels": list("aababb")}, r"gains of at least 0: got -1\.0"),
    ],
)
def test_retrieval_report__bad_options__say_what(line, options, message):
    with pytest.raises(ValueError, match=message):
        retrieval_report(line, [[0.0], [1.0]], ["a", "b"], **options)


def test_shared_labels__need_tuples(line):
    with pytest.raises(TypeError, match="labels that are tuples: got 'a'"):
        retrieval_report(line, [[0.0]], ["a"], relevance="shared", gallery_labels=list("aababb"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gallery": [[1.0]]}, "come together"),
        ({"gallery": [[1.0]], "gallery_labels": ["a", "b"]}, "got 2 entries for 1 rows"),
        ({"gallery": [[1.0]], "gallery_labels": ["a"], "own_rows": [0, 1]}, "from 0 to 0, or -1"),
        ({"gallery": [[1.0]], "gallery_labels": ["a"], "own_rows": [0]}, "got 1 entries for 2 rows"),
        ({"gallery": [[1.0]], "gallery_labels": ["z"]}, "none of the 2 queries has one"),
        ({"gallery": [[0.0]], "gallery_labels": ["a"]}, "row 0 is all zeros"),
        ({"ties": "random"}, "`ties` must be one of"),
    ],
)
def test_evaluate_embeddings__bad_options__say_what(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_embeddings([[1.0], [2.0]], ["a", "b"], **options)


def test_evaluate_result__without_the_gallerys_labels__says_what_it_can(line):
    result = line.search([[-1.0], [6.0]], k=3)
    report = evaluate_result(result, ["a", "a"], ["recall@1", "precision@3", "mrr@3"])
    assert report.mean() == pytest.approx({"recall@1": 1 / 2, "precision@3": (2 + 1) / 6, "mrr@3": (1 + 1 / 3) / 2})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["map@2"]}, r"needed for the metrics \['map@2'\]"),
        ({"metrics": ["recall@4"]}, "got 3, and 4 are needed"),
        ({"metrics": ["map"], "gallery_labels": list("aababb")}, "got 3, and 6 are needed"),
        ({"relevance": "shared"}, "needed for the relevance 'shared'"),
    ],
)
def test_evaluate_result__what_it_cannot_know__is_an_error(line, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_result(line.search([[0.0]], k=3), ["a"], **{"metrics": ["recall@1"], **options})
