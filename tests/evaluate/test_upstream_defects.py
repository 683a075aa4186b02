"""What TensorFlow Similarity's evaluation got wrong, each shown to be right here."""

import numpy as np
import pytest

from counting_index import CountingIndex
from keras_similarity import Index
from keras_similarity.evaluate import (
    Outcomes,
    count_confusions,
    decide,
    evaluate_classification,
    evaluate_embeddings,
    evaluate_retrieval,
    get_classification_metric,
    get_matcher,
    retrieval_scores,
)

PERFECT = np.repeat([[0.0], [100.0]], 4, axis=0) + np.arange(8)[:, None]  # four of a class, all nearer than the others
CLASSES = ["cat"] * 4 + ["dog"] * 4


def filled(places, labels, kind=Index):
    index = kind(1, "euclidean")
    ids = index.add(np.array(places, np.float32).reshape(-1, 1), labels)
    return index, ids


def test_k_counted_the_item_itself_in_some_metrics_and_not_in_others():
    index, ids = filled(PERFECT, CLASSES)
    names = ["recall@3", "precision@3", "map@3", "ndcg@3", "mrr@3"]
    assert evaluate_retrieval(index, PERFECT, CLASSES, names, ids=ids) == dict.fromkeys(names, 1.0)
    assert evaluate_retrieval(index, PERFECT, CLASSES, ["precision@4"], ids=ids) == {"precision@4": 0.75}


def test_map_took_counts_from_the_user_and_was_two_thirds_for_perfect_embeddings():
    index, ids = filled(PERFECT, CLASSES)
    found = evaluate_retrieval(index, PERFECT, CLASSES, ["map@3", "map@r", "r_precision"], ids=ids)
    assert found == {"map@3": 1.0, "map@r": 1.0, "r_precision": 1.0}


def test_macro_average_of_map_was_refused():
    report = evaluate_embeddings([[0.0], [1.0], [2.9]], ["a", "a", "b"], [[0.1], [3.0], [2.0]], ["a", "b", "a"],
                                 ["map@r"], distance="euclidean")  # fmt: skip
    per_query = report.per_query["map@r"]
    assert report.mean(average="macro")["map@r"] == pytest.approx((per_query[:2].mean() + per_query[2]) / 2)


def test_ndcg_took_what_was_found_for_all_there_was():
    """One of two relevant items found, at the first of two ranks: it used to be 1."""
    found = retrieval_scores(np.array([[True, False]]), np.array([2]), "ndcg@2")
    assert found == pytest.approx(1 / (1 + 1 / np.log2(3)))


@pytest.mark.parametrize("labels", [["cat", "dog"], [2**24, 2**24 + 1], [("a", 1), ("a", 2)]], ids=str)
def test_labels_were_cast_to_int(labels):
    index, _ = filled([0, 10], labels)
    assert evaluate_retrieval(index, [[1.0], [9.0]], labels, ["recall@1"]) == {"recall@1": 1.0}
    assert evaluate_retrieval(index, [[1.0], [9.0]], labels[::-1], ["recall@1"]) == {"recall@1": 0.0}


def test_a_far_wrong_neighbour_of_a_known_query_was_a_true_negative():
    """Two rejected queries of known classes are misses; only the rejected owl is rightly rejected."""
    index, _ = filled([0, 10], ["cat", "dog"])
    queries, labels = [[4.0], [6.0], [30.0]], ["dog", "cat", "owl"]
    metrics = ["accuracy", "npv", "recall", "balanced_accuracy"]
    found = evaluate_classification(index, queries, labels, 1.0, metrics)["threshold"]
    assert found == {"distance": 1.0, "accuracy": 1 / 3, "npv": 1 / 3, "recall": 0.0, "balanced_accuracy": 0.5}


def test_majority_took_the_mean_distance_of_all_neighbours_not_of_the_winners():
    index, _ = filled([1, 2, 9], ["cat", "cat", "dog"])
    majority = get_matcher("match_majority_vote")
    assert decide(index.search([[0.0]], 3), majority).distances.tolist() == [1.5]  # it used to be 4
    assert decide(index.search([[0.0]], 5), majority).distances.tolist() == [1.5]  # and infinite, two being missing


def test_precision_was_1_where_nothing_was_accepted():
    outcomes = Outcomes(right=0, confused=0, false_accepts=0, known=3, unknown=1)
    assert np.isnan(get_classification_metric("precision")(outcomes))


@pytest.mark.parametrize("name", ["npv", "negative_predictive_value"])
def test_npv_was_not_found_by_its_canonical_name(name):
    assert get_classification_metric(name).name == "npv"


def test_every_cutpoint_took_a_search_of_its_own():
    index, _ = filled([0, 10], ["cat", "dog"], CountingIndex)
    cutpoints = {f"at {limit}": float(limit) for limit in range(5)}
    assert len(evaluate_classification(index, [[1.0], [9.0]], ["cat", "dog"], cutpoints)) == 5
    assert index.searches == 1


def test_missing_neighbours_were_padded_with_a_label_that_users_may_have(capsys):
    label = 0x7FFFFFFF
    index, _ = filled([0], [3])
    queries, labels = [[0.5], [0.6]], [label, 3]
    found = evaluate_classification(index, queries, labels, k=4, matcher="match_majority_vote", metrics=["accuracy"])
    assert found["threshold"]["accuracy"] == 0.5
    assert capsys.readouterr().out == ""


def test_confusions_could_not_count_no_match():
    labels, counts = count_confusions([0, -1], [0, 0])
    assert labels == [-1, 0]
    assert counts.tolist() == [[0, 0], [1, 1]]
