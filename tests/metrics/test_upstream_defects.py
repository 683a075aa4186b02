"""What TensorFlow Similarity's training metrics got wrong, each shown to be right here."""

import keras
import numpy as np
import pytest

from keras_similarity.metrics import DistanceGap, NegativeDistance, PositiveDistance

# Anchors at 0, 1 (label 0) and 5, 9 (label 1).
LABELS, ROWS = [0, 0, 1, 1], np.array([[0.0], [1.0], [5.0], [9.0]], np.float32)


def value_of(metric, *batches):
    for labels, rows in batches:
        metric.update_state(labels, rows)
    return float(metric.result())


def test_only_the_last_batch_was_reported():
    far = ([0, 0], np.array([[0.0], [7.0]], np.float32))
    assert value_of(PositiveDistance("euclidean"), (LABELS, ROWS), far) == pytest.approx((1 + 1 + 4 + 4 + 7 + 7) / 6)


def test_a_bad_overlap_looked_like_a_good_gap():
    labels, rows = [0, 0, 1, 1], np.array([[0.0], [10.0], [1.0], [11.0]], np.float32)
    # Every positive is 10 away, the nearest negative 1.
    assert value_of(DistanceGap("euclidean", pick="hardest"), (labels, rows)) == pytest.approx(-9)


def test_sample_weight_had_to_be_passed():
    metric = NegativeDistance("euclidean")
    metric.update_state(LABELS, ROWS)
    assert float(metric.result()) == pytest.approx(np.mean([7, 6, 4.5, 8.5]))


def test_the_farthest_negative_was_the_farthest_of_the_nearest():
    farthest = value_of(NegativeDistance("euclidean", pick="easiest"), (LABELS, ROWS))
    assert farthest == pytest.approx(np.mean([9, 8, 5, 9]))
    assert value_of(NegativeDistance("euclidean", pick="hardest"), (LABELS, ROWS)) == pytest.approx(
        np.mean([5, 4, 4, 8])
    )


def test_a_semi_hard_positive_was_silently_an_easy_one():
    with pytest.raises(ValueError, match="`pick` must be one of"):
        PositiveDistance(pick="semi-hard")


def test_an_anchor_alone_with_its_label_had_a_positive_distance():
    alone = ([0, 0, 7], np.array([[0.0], [2.0], [50.0]], np.float32))
    assert value_of(PositiveDistance("euclidean"), alone) == pytest.approx(2)


def test_state_was_replaced_by_a_tensor():
    metric = PositiveDistance("euclidean")
    before = list(map(id, metric.variables))
    value_of(metric, (LABELS, ROWS))
    assert list(map(id, metric.variables)) == before
    assert all(isinstance(variable, keras.Variable) for variable in metric.variables)
    metric.reset_state()
    assert value_of(metric, (LABELS[:2], ROWS[:2])) == pytest.approx(1)
