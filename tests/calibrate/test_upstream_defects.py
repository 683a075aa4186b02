"""What TensorFlow Similarity's calibration got wrong, each shown to be right here."""

import numpy as np
import pytest

from counting_index import CountingIndex
from keras_similarity import Index
from keras_similarity.calibrate import CalibrationResults, calibrate, match
from keras_similarity.evaluate import evaluate_classification

# Right at 1, 2 and 4, confused at 5, unknown at 3 and 6.
QUERIES, LABELS = [[1.0], [98.0], [3.0], [4.0], [95.0], [6.0]], ["cat", "dog", "owl", "cat", "cat", "owl"]


@pytest.fixture
def index():
    index = CountingIndex(1, "euclidean")
    index.add([[0.0], [100.0]], ["cat", "dog"])
    return index


def test_the_target_of_a_minimised_metric_was_taken_for_a_minimum(index):
    """FPR ≤ 0.1 found nothing, though 0 was there."""
    cutpoints = calibrate(index, QUERIES, LABELS, {"few": 0.1}, calibration_metric="fpr").cutpoints
    assert cutpoints["few"]["distance"] == 2.0
    assert cutpoints["few"]["fpr"] == 0.0
    assert cutpoints["few"]["target"] == "fpr <= 0.1"


def test_unmet_targets_vanished(index):
    with pytest.raises(ValueError, match=r"'sure' wants recall >= 0.9, and the best is 0.75, at distance 6.0"):
        calibrate(index, QUERIES, LABELS, {"sure": "recall >= 0.9"})


def test_calibration_knew_no_unknown_queries(index):
    """At every distance, what is accepted of unknown classes counts against precision, and nothing else does."""
    curves = calibrate(index, QUERIES, LABELS, extra_metrics=["precision", "fpr", "recall"]).thresholds
    assert curves["distance"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(curves["fpr"], [0, 0, 0.5, 0.5, 0.5, 1])
    np.testing.assert_allclose(curves["precision"], [1, 1, 2 / 3, 3 / 4, 3 / 5, 3 / 6])
    np.testing.assert_allclose(curves["recall"], [0.25, 0.5, 0.5, 0.75, 0.75, 0.75])


def test_thresholds_were_rounded_to_8_digits():
    """A threshold is a distance that was seen, so that its own query is accepted."""
    far = np.float32(1) / 3 * 1e-6
    index = Index(1, "euclidean")
    index.add([[0.0], [100.0]], ["cat", "dog"])
    results = calibrate(index, [[far], [50.1]], ["cat", "cat"])
    assert results.thresholds["distance"][0] == np.float32(far)
    assert results.cutpoints["optimal"]["distance"] == float(np.float32(far))
    assert match(index.search([[far]], 1), results) == ["cat"]


def test_an_argument_without_effect_was_accepted(index):
    with pytest.raises(TypeError, match="rounding"):
        calibrate(index, QUERIES, LABELS, rounding=2)


def test_an_index_calibrated_on_npv_could_not_be_reloaded(index, tmp_path):
    before = calibrate(index, QUERIES, LABELS, calibration_metric="negative_predictive_value")
    before.save(tmp_path / "calibration")
    after = CalibrationResults.open(tmp_path / "calibration")
    assert after.calibration_metric == "npv"
    found = evaluate_classification(index, QUERIES, LABELS, after.cutpoints, [after.calibration_metric])
    assert found["optimal"]["npv"] == before.cutpoints["optimal"]["npv"]


def test_calibrating_took_more_than_one_search(index):
    calibrate(index, QUERIES, LABELS, {"a": "precision >= 0.7", "b": "fpr <= 0.5", "c": "recall >= 0.5"})
    assert index.searches == 1


def test_string_labels_failed_when_they_were_matched(index):
    results = calibrate(index, QUERIES, LABELS, {"few": "fpr <= 0.1"})
    assert match(index.search(QUERIES, 1), results, "few", no_match_label="?") == ["cat", "dog", "?", "?", "?", "?"]
