import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity.core import pairwise_distances
from keras_similarity.evaluate import (
    distance_histogram,
    evaluate_verification,
    pair_distances,
    verify_pairs,
)

POSITIVES, NEGATIVES = [0.1, 0.2, 0.2, 0.6], [0.2, 0.5, 0.6, 0.7, 0.9]


def test_curve_is_the_one_worked_by_hand():
    curve = verify_pairs(POSITIVES, NEGATIVES)
    np.testing.assert_allclose(curve.thresholds, [0.1, 0.2, 0.5, 0.6, 0.7, 0.9])
    np.testing.assert_allclose(curve.tar, [1 / 4, 3 / 4, 3 / 4, 1, 1, 1])
    np.testing.assert_allclose(curve.far, [0, 1 / 5, 2 / 5, 3 / 5, 4 / 5, 1])
    # 20 pairs of pairs: 0.1 beats 5; each 0.2 ties one and beats 4; 0.6 ties one and beats 2.
    assert curve.auc == pytest.approx((5 + 2 * 4.5 + 2.5) / 20)
    # From (0.2, miss 0.25) to (0.4, miss 0.25): they meet at 0.25.
    assert curve.eer == pytest.approx(0.25)
    assert curve.at_far(0.3) == pytest.approx((0.2, 3 / 4, 1 / 5))
    assert curve.at_far(1) == pytest.approx((0.9, 1, 1))


def test_far_stricter_than_any_threshold__accepts_nothing(caplog):
    curve = verify_pairs([0.5, 0.6], [0.4, 0.5, 0.9, 0.9])
    assert curve.at_far(0.25) == pytest.approx((0.4, 0, 0.25))
    assert curve.at_far(0.2) == (-np.inf, 0, 0)
    assert "takes more than 4 negative pairs" in caplog.text


def test_all_distances_equal__is_no_better_than_chance():
    curve = verify_pairs([0.3] * 3, [0.3] * 5)
    assert (curve.auc, curve.eer) == (0.5, 0.5)
    assert curve.average_precision == pytest.approx(3 / 8)


def test_perfect_and_reversed__are_1_and_0():
    perfect, reversed_ = verify_pairs([0.1, 0.2], [0.3, 0.4]), verify_pairs([0.3, 0.4], [0.1, 0.2])
    assert (perfect.auc, perfect.eer, perfect.average_precision) == (1, 0, 1)
    assert (reversed_.auc, reversed_.eer) == (0, 1)


@pytest.mark.parametrize("levels", [4, 10**6], ids=["ties", "no ties"])
def test_roc_and_average_precision__are_scikit_learns(rng, levels):
    metrics = pytest.importorskip("sklearn.metrics")
    near, far = rng.integers(0, levels, 90) / levels, (levels // 4 + rng.integers(0, levels, 200)) / levels
    same, scores = np.repeat([True, False], [90, 200]), -np.concatenate([near, far]).astype(np.float32)
    curve = verify_pairs(near, far)
    assert curve.auc == pytest.approx(metrics.roc_auc_score(same, scores), abs=1e-9)
    assert curve.average_precision == pytest.approx(metrics.average_precision_score(same, scores), abs=1e-9)
    false_rates, true_rates, thresholds = metrics.roc_curve(same, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.far, false_rates[1:], atol=1e-9)
    np.testing.assert_allclose(curve.tar, true_rates[1:], atol=1e-9)
    np.testing.assert_array_equal(curve.thresholds, -thresholds[1:])


numbers = st.lists(st.integers(0, 12), min_size=1, max_size=20)


@given(numbers, numbers)
@settings(max_examples=80, deadline=None)
def test_auc_is_the_chance_that_a_positive_is_nearer__and_rates_are_consistent(near, far):
    curve = verify_pairs(near, far)
    wins = [(p < n) + 0.5 * (p == n) for p, n in itertools.product(near, far)]
    assert curve.auc == pytest.approx(np.mean(wins))
    assert 0 <= curve.eer <= 1
    for rate in (0.0, 0.3, 1.0):
        point = curve.at_far(rate)
        assert point.far <= rate
        assert point.tar == np.mean(np.array(near) <= point.threshold)


def all_pairs(rows, labels, distance):
    distances = pairwise_distances(rows, rows, distance)
    found = {True: [], False: []}
    for a, b in itertools.combinations(range(len(rows)), 2):
        if labels[a] is not None and labels[b] is not None:
            found[labels[a] == labels[b]].append(distances[a, b])
    return [np.sort(found[same]) for same in (True, False)]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "manhattan"])
def test_pair_distances__few_items__every_pair_once(rng, distance, monkeypatch):
    monkeypatch.setattr("keras_similarity.evaluate.pairs.BLOCK_NUMBERS", 20)
    rows = rng.normal(size=(23, 3))
    labels = [*rng.choice(["a", "b", "c"], 20).tolist(), None, "alone", None]
    found = pair_distances(rows, labels, distance=distance)
    for ours, theirs in zip(found, all_pairs(rows, labels, distance), strict=True):
        np.testing.assert_allclose(np.sort(ours), theirs, rtol=1e-6)


def test_pair_distances__many_items__a_fair_sample(rng):
    labels = rng.choice(4, 120, p=[0.6, 0.3, 0.08, 0.02])
    rows = rng.normal(size=(120, 2)) + labels[:, None]
    sample = pair_distances(rows, labels, distance="euclidean", max_pairs=3000)
    assert [len(part) for part in sample] == [min(3000, len(p)) for p in all_pairs(rows, labels, "euclidean")]
    for drawn, whole in zip(sample, all_pairs(rows, labels, "euclidean"), strict=True):
        assert abs(drawn.mean() - whole.mean()) < 5 * whole.std() / np.sqrt(3000)
    again = pair_distances(rows, labels, distance="euclidean", max_pairs=3000)
    np.testing.assert_array_equal(again.negatives, sample.negatives)


def test_evaluate_verification__names_each_rate(rng):
    labels = rng.integers(0, 3, 60)
    rows = np.eye(3)[labels] + 0.3 * rng.normal(size=(60, 3))
    scores = evaluate_verification(rows, labels, far=[0.1, 0.01])
    curve = verify_pairs(*pair_distances(rows, labels))
    assert scores == {
        "auc": curve.auc,
        "eer": curve.eer,
        "average_precision": curve.average_precision,
        "tar@far=0.1": curve.at_far(0.1).tar,
        "tar@far=0.01": curve.at_far(0.01).tar,
    }
    assert scores["auc"] > 0.9


def test_distance_histogram__fractions_and_overlap():
    histogram = distance_histogram((np.array([0.0, 1, 1, 4]), np.array([1.0, 3, 3.5, 4])), bins=4)
    np.testing.assert_allclose(histogram.edges, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(histogram.positives, [1 / 4, 2 / 4, 0, 1 / 4])
    np.testing.assert_allclose(histogram.negatives, [0, 1 / 4, 0, 3 / 4])
    assert histogram.overlap == 2 / 4


def test_distance_histogram__all_distances_equal__overlaps_entirely():
    assert distance_histogram((np.full(3, 0.2, np.float32), np.full(2, 0.2, np.float32))).overlap == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: verify_pairs([], [0.1]), "`positives` needs one distance per pair, and at least one"),
        (lambda: verify_pairs([0.1], [[0.1]]), r"got shape \(1, 1\)"),
        (lambda: verify_pairs([0.1, np.nan], [0.1]), "`positives` needs finite numbers: row 1 holds nan"),
        (lambda: verify_pairs([0.1], [np.inf]), "`negatives` needs finite numbers"),
        (lambda: verify_pairs([0.1], [0.2]).at_far(-1), r"`far` must lie in \[0, 1\]"),
        (lambda: pair_distances(np.eye(3), ["a", "a", "a"]), "two items of different labels"),
        (lambda: pair_distances(np.eye(3), ["a", "b", "c"]), "two items of one label"),
        (lambda: pair_distances(np.eye(3), [None] * 3), "got 0 labelled items"),
        (lambda: pair_distances(np.eye(3), ["a", "b"]), "got 2 entries for 3 rows"),
        (lambda: pair_distances(np.zeros((2, 2)), ["a", "b"]), "row 0 is all zeros"),
        (lambda: distance_histogram((np.ones(2), np.ones(2)), bins=0), "`bins` must be"),
    ],
)
def test_bad_input__says_what(call, message):
    with pytest.raises(ValueError, match=message):
        call()
