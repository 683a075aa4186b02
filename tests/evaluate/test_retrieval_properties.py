"""What must hold for any data: bounds, monotone in k, no dependence on names or on order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity.evaluate import evaluate_embeddings

METRICS = ["recall@1", "recall@2", "recall@5", "precision@3", "map@4", "map@r", "map", "mrr@2", "mrr", "ndcg@3", "ndcg"]
NAMES = ["zero", (1, "one"), 2.5, "three", -4]

problems = st.tuples(st.integers(2, 14), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))


def draw(problem):
    """Few places on a grid, so that ties and classes of one are frequent; at least one pair of equal labels."""
    count, places, classes, seed = problem
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    labels[-1] = labels[0]
    return rng.integers(0, places, (count, 2)).astype(float), labels, rng


def values(rows, labels, ties="order", metrics=METRICS):
    report = evaluate_embeddings(rows, labels, metrics=metrics, distance="euclidean", ties=ties)
    return report.per_query


@given(problems, st.sampled_from(["order", "average"]))
@settings(max_examples=60, deadline=None)
def test_values_lie_between_0_and_1__and_undefined_ones_agree(problem, ties):
    rows, labels, _ = draw(problem)
    scores = values(rows, labels.tolist(), ties)
    alone = np.bincount(labels, minlength=4)[labels] == 1
    for name, row in scores.items():
        np.testing.assert_array_equal(np.isnan(row), alone, err_msg=name)
        assert ((row[~alone] >= 0) & (row[~alone] <= 1 + 1e-12)).all(), name


@given(problems, st.sampled_from(["order", "average"]))
@settings(max_examples=40, deadline=None)
def test_recall_and_reciprocal_rank__never_fall_with_k(problem, ties):
    rows, labels, _ = draw(problem)
    names = [f"{kind}@{k}" for kind in ("recall", "mrr") for k in range(1, 8)]
    scores = values(rows, labels.tolist(), ties, names)
    for kind in ("recall", "mrr"):
        curve = np.array([scores[f"{kind}@{k}"] for k in range(1, 8)])
        curve = curve[:, ~np.isnan(curve[0])]
        assert (np.diff(curve, axis=0) >= -1e-12).all()


@given(problems)
@settings(max_examples=40, deadline=None)
def test_other_names_for_the_labels__change_nothing(problem):
    rows, labels, rng = draw(problem)
    names = [NAMES[code] for code in rng.permutation(len(NAMES))]
    plain, renamed = values(rows, labels.tolist()), values(rows, [names[label] for label in labels])
    for name in METRICS:
        np.testing.assert_array_equal(plain[name], renamed[name])


@given(problems)
@settings(max_examples=40, deadline=None)
def test_order_of_the_items__changes_nothing_once_ties_are_averaged(problem):
    rows, labels, rng = draw(problem)
    order = rng.permutation(len(rows))
    plain, shuffled = (
        values(rows, labels.tolist(), "average"),
        values(rows[order], labels[order].tolist(), "average"),
    )
    for name in METRICS:
        np.testing.assert_allclose(plain[name][order], shuffled[name], rtol=1e-12, atol=1e-15)
