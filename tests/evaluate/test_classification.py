import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.evaluate import (
    Outcomes,
    classification_metric_names,
    evaluate_classification,
    get_classification_metric,
)

NAN = float("nan")
# Six queries, nearest first: known and right, known and wrong, unknown.
DISTANCES = np.array([0.1, 0.2, 0.3, 0.3, 0.5, np.inf], np.float32)
KNOWN = np.array([True, True, False, True, False, True])
RIGHT = np.array([True, False, False, True, False, False])

# At each of the thresholds 0.1, 0.2, 0.3 and 0.5, worked by hand: 4 known and 2 unknown queries.
TABLE = {
    "precision": [1 / 1, 1 / 2, 2 / 4, 2 / 5],
    "recall": [1 / 4, 1 / 4, 2 / 4, 2 / 4],
    "f1": [2 * 1 / (1 + 4), 2 * 1 / (2 + 4), 2 * 2 / (4 + 4), 2 * 2 / (5 + 4)],
    "accuracy": [(1 + 2) / 6, (1 + 2) / 6, (2 + 1) / 6, (2 + 0) / 6],
    "fpr": [0 / 2, 0 / 2, 1 / 2, 2 / 2],
    "npv": [2 / 5, 2 / 4, 1 / 2, 0 / 1],
    "balanced_accuracy": [(1 / 4 + 1) / 2, (1 / 4 + 1) / 2, (2 / 4 + 1 / 2) / 2, (2 / 4 + 0) / 2],
}


@pytest.mark.parametrize("name", list(TABLE))
def test_metric_is_the_table_worked_by_hand(name):
    outcomes = Outcomes.at(np.array([0.1, 0.2, 0.3, 0.5], np.float32), DISTANCES, RIGHT, KNOWN)
    np.testing.assert_allclose(get_classification_metric(name)(outcomes), TABLE[name])


def test_every_metric_has_a_table():
    assert sorted(TABLE) == classification_metric_names()


def test_rejected_wrong_neighbour_of_a_known_query__is_a_miss__not_a_true_negative():
    """Upstream called it a true negative, so that rejecting everything looked specific."""
    distances, known = np.array([0.9], np.float32), np.array([True])
    outcomes = Outcomes.at(np.array([0.5], np.float32), distances, np.array([False]), known)
    assert get_classification_metric("accuracy")(outcomes).tolist() == [0]
    assert get_classification_metric("recall")(outcomes).tolist() == [0]
    assert np.isnan(get_classification_metric("npv")(outcomes)).all()
    assert np.isnan(get_classification_metric("fpr")(outcomes)).all()


def test_npv__long_name_is_an_alias_and_spelt_right():
    """Upstream's table misspelt it, so that an index calibrated on it could not be read again."""
    assert get_classification_metric("negative_predictive_value") is get_classification_metric("npv")
    assert get_classification_metric(get_classification_metric("npv").name).name == "npv"


@pytest.mark.parametrize(("name", "better"), [("fpr", False), ("precision", True), ("npv", True)])
def test_metric_knows_which_way_is_better(name, better):
    assert get_classification_metric(name).larger_is_better is better


queries = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.booleans()).map(lambda q: (q[0], q[1], q[1] and q[2])),
    min_size=1,
    max_size=25,
)


@given(queries)
@settings(max_examples=100, deadline=None)
def test_counts_in_one_pass__equal_counting_at_each_threshold__and_stay_in_bounds(rows):
    distances = np.array([row[0] for row in rows], np.float32)
    known, right = (np.array([row[place] for row in rows]) for place in (1, 2))
    thresholds = np.unique(distances)
    whole = Outcomes.at(thresholds, distances, right, known)
    for position, threshold in enumerate(thresholds):
        single = Outcomes.of(distances <= threshold, right, known)
        for name in classification_metric_names():
            value = get_classification_metric(name)(whole)[position]
            other = float(get_classification_metric(name)(single))
            assert value == other or (math.isnan(value) and math.isnan(other))
            assert math.isnan(value) or 0 <= value <= 1
    for name in classification_metric_names():
        if get_classification_metric(name).rises:
            values = get_classification_metric(name)(whole)
            assert np.isnan(values).all() or (np.diff(values) >= 0).all()


@pytest.fixture
def index():
    """Cats at 0, 1 and 2; dogs at 10 and 11."""
    index = Index(1, "euclidean")
    index.add([[0.0], [1], [2], [10], [11]], ["cat", "cat", "cat", "dog", "dog"])
    return index


def test_evaluate_classification__every_cutpoint_from_one_search(index):
    calls = []

    class Counting:
        """The index, and how often it is searched."""

        def __getattr__(self, name):
            return getattr(index, name)

        def search(self, queries, k):
            calls.append(len(queries))
            return index.search(queries, k)

    # Nearest: a cat at 0.5, right; a dog at 1, for a cat; a cat at 3.5, for a bird; a cat at 0.5, for a dog.
    found = evaluate_classification(
        Counting(),
        [[0.5], [9.0], [5.5], [2.5]],
        ["cat", "cat", "bird", "dog"],
        {"strict": 0.5, "loose": {"distance": 5.0, "class_distances": {"dog": 0.9}}},
        ["precision", "recall", "fpr"],
    )
    assert calls == [4]
    assert found == {
        "strict": pytest.approx({"distance": 0.5, "precision": 1 / 2, "recall": 1 / 3, "fpr": 0}),
        "loose": pytest.approx({"distance": 5.0, "precision": 1 / 3, "recall": 1 / 3, "fpr": 1}),
    }


def test_evaluate_classification__without_cutpoints__accepts_everything(index):
    found = evaluate_classification(index, [[0.0], [10.0], [9.0]], ["cat", "dog", "cat"], metrics=["accuracy"], k=2)
    assert found == {"threshold": {"distance": math.inf, "accuracy": pytest.approx(2 / 3)}}


def test_evaluate_classification__own_items_by_id__do_not_answer_for_themselves(index):
    labels = ["cat", "cat", "cat", "dog", "dog"]
    found = evaluate_classification(
        index, [[0.0], [1], [2], [10], [11]], labels, {"t": 0.5}, ["recall"], ids=[0, 1, 2, 3, 4]
    )
    assert found["t"]["recall"] == 0
    index.add([[30.0]], ["owl"], ids=[7])
    found = evaluate_classification(index, [[30.0]], ["owl"], {"t": 99.0}, ["fpr"], ids=[7])
    assert found["t"]["fpr"] == 1, "the only owl is the query itself: its class is unknown"


def test_evaluate_classification__only_unknown_or_only_known_queries__undefined_values_are_nan(index):
    metrics = classification_metric_names()
    unknown = evaluate_classification(index, [[0.5], [50.0]], ["bird", None], {"t": 1.0}, metrics)["t"]
    known = evaluate_classification(index, [[0.5]], ["cat"], {"t": 1.0}, metrics)["t"]
    assert math.isnan(unknown["recall"])
    assert (unknown["fpr"], unknown["accuracy"], unknown["npv"]) == (0.5, 0.5, 1.0)
    assert {name for name in metrics if math.isnan(known[name])} == {"fpr", "npv", "balanced_accuracy"}


def test_evaluate_classification__nothing_accepted__precision_is_nan(index):
    found = evaluate_classification(index, [[0.5]], ["cat"], {"t": 0.1})["t"]
    assert math.isnan(found["precision"])
    assert (found["recall"], found["f1"], found["accuracy"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["f2"]}, "`metric` must be one of"),
        ({"matcher": "vote"}, "`matcher` must be one of"),
        ({"k": 0}, "`k` must be"),
        ({"ids": [1, 2]}, "`ids` needs one entry"),
    ],
)
def test_evaluate_classification__bad_options__say_what(index, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_classification(index, [[0.0]], ["cat"], **options)


def test_evaluate_classification__no_queries__is_an_error(index):
    with pytest.raises(ValueError, match="`queries` needs at least one"):
        evaluate_classification(index, np.empty((0, 1)), [])
