"""What must hold of decisions for any data: bounds, monotone in the threshold, no dependence on names or on order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.evaluate import classification_metric_names, evaluate_classification

NAMES = ["zero", (1, "one"), 2.5, "three", -4]
CUTPOINTS = {f"at {limit}": limit for limit in (-1.0, 0.0, 1.0, 2.0, 3.0, 9.0)}

problems = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))


def draw(problem):
    """Few places and labels, so that ties are frequent; some queries are of classes that the index lacks."""
    items, queries, places, seed = problem
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, places, (items + queries, 2)).astype(float)
    labels = np.concatenate([rng.integers(0, 3, items), rng.integers(0, 5, queries)])
    return rows[:items], labels[:items], rows[items:], labels[items:], rng


def values(items, item_labels, queries, labels, matcher, k):
    index = Index(2, "euclidean")
    index.add(items, item_labels)
    names = classification_metric_names()
    return evaluate_classification(index, queries, labels, CUTPOINTS, names, k=k, matcher=matcher)


matchers = st.sampled_from(["match_nearest", "match_majority_vote", "match_distance_weighted"])


@given(problems, matchers, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_values_lie_between_0_and_1__and_loosening_moves_them_one_way(problem, matcher, k):
    items, item_labels, queries, labels, _ = draw(problem)
    found = list(values(items, item_labels.tolist(), queries, labels.tolist(), matcher, k).values())
    for point in found:
        for name, value in point.items():
            assert name == "distance" or np.isnan(value) or 0 <= value <= 1, name
    for name in ("recall", "fpr"):
        curve = np.array([point[name] for point in found])
        assert np.isnan(curve).all() or (np.diff(curve) >= 0).all()
    assert found[0]["recall"] in (0.0,) or np.isnan(found[0]["recall"]), "nothing is nearer than 0"


@given(problems, matchers)
@settings(max_examples=40, deadline=None)
def test_other_names_and_another_order_of_queries__change_nothing(problem, matcher):
    items, item_labels, queries, labels, rng = draw(problem)
    names = [NAMES[code] for code in rng.permutation(len(NAMES))]
    order = rng.permutation(len(queries))
    plain = values(items, item_labels.tolist(), queries, labels.tolist(), matcher, 3)
    other = values(
        items,
        [names[code] for code in item_labels],
        queries[order],
        [names[code] for code in labels[order]],
        matcher,
        3,
    )
    for name, point in plain.items():
        np.testing.assert_equal(other[name], point)
