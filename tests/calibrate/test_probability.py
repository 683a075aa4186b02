import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.calibrate import calibrate
from keras_similarity.calibrate.probability import fit_probability, measure_reliability
from keras_similarity.evaluate import decide, get_matcher
from real_embeddings import fashion_embeddings

outcomes = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40)


@given(outcomes)
@settings(max_examples=100, deadline=None)
def test_curve__is_scikit_learns_isotonic_regression(rows):
    isotonic = pytest.importorskip("sklearn.isotonic")
    distances, right = (np.array(column) for column in zip(*rows, strict=True))
    peer = isotonic.IsotonicRegression(increasing=False, out_of_bounds="clip").fit(distances, right.astype(float))
    places = np.linspace(-1, 11, 49)
    np.testing.assert_allclose(fit_probability(distances, right)(places), peer.predict(places), atol=1e-9)


@given(outcomes)
@settings(max_examples=50, deadline=None)
def test_curve__never_rises_and_has_the_mean_of_the_outcomes(rows):
    distances, right = (np.array(column) for column in zip(*rows, strict=True))
    curve = fit_probability(distances, right)
    assert (np.diff(curve.probabilities) <= 0).all()
    assert (np.diff(curve.distances) > 0).all()
    assert curve(distances).mean() == pytest.approx(right.mean())


def test_curve__no_neighbour__has_probability_0():
    assert fit_probability(np.array([1.0, 2.0]), np.array([True, True]))([0.5, np.inf]).tolist() == [1, 0]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_reliability__few_queries__still_has_a_value(count):
    found = measure_reliability(np.arange(count, dtype=float), np.arange(count) % 2 == 0, seed=0)
    assert found.counts.sum() == count
    assert 0 <= found.error <= 1
    assert 0 <= found.brier <= 1


def test_reliability__does_not_judge_queries_by_themselves(rng):
    """Outcomes that have nothing to do with the distance: a curve that saw them would seem to predict some."""
    distances, right = rng.random(400), rng.random(400) < 0.5
    found = measure_reliability(distances, right, seed=0)
    seen = fit_probability(distances, right)(distances)
    assert np.square(seen - right).mean() < 0.25 < found.brier


def test_probabilities_on_real_data__are_right_as_often_as_they_say(data_folder):
    rows, labels = fashion_embeddings(data_folder)
    index = Index(rows.shape[1], "euclidean")
    index.add(rows[:4000], labels[:4000])
    found = calibrate(index, rows[4000:7000], labels[4000:7000])
    decisions = decide(index.search(rows[7000:], k=1), get_matcher("nearest"))
    right = np.array(decisions.labels()) == labels[7000:]
    predicted = found.probability(decisions.distances)
    for bin_ in np.array_split(np.argsort(predicted), 5):
        spread = np.sqrt(0.25 / len(bin_)) + np.sqrt(0.25 / 600)  # of this bin, and of the calibration's queries in it
        assert abs(predicted[bin_].mean() - right[bin_].mean()) < 3 * spread
    fresh = measure_reliability(decisions.distances, right, seed=1)
    assert found.reliability.brier == pytest.approx(fresh.brier, abs=0.02)
    assert found.reliability.error < 0.05
    assert found.reliability.observed[-1] > found.reliability.observed[0] + 0.2, "distance must tell something"
