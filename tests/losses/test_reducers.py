"""What a batch's values become: worked by hand from values that differ."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.losses import SupConLoss, reducers

VALUES = np.array([1.0, 2.0, 4.0, 0.0, 8.0], np.float32)
CONTRIBUTING = np.array([True, True, True, False, True])
PAIRS = np.array([2, 2, 2, 0, 1])
CODES = np.array([7, 7, 7, 3, 9], np.int32)
WEIGHTS = np.array([1.0, 0.5, 2.0, 1.0, 0.0], np.float32)


def reduced(reduction, weights=None):
    reducer = reducers.get_reducer(reduction)
    arrays = {"contributing": CONTRIBUTING, "pairs": PAIRS, "codes": CODES, "weights": weights}
    tensors = {key: None if array is None else ops.convert_to_tensor(array) for key, array in arrays.items()}
    return ops.convert_to_numpy(reducer(ops.convert_to_tensor(VALUES), **tensors)).tolist()


@pytest.mark.parametrize(
    ("reduction", "expected", "weighted"),
    [
        ("mean", (1 + 2 + 4 + 8) / 4, (1 + 1 + 8 + 0) / 4),
        ("mean_pairs", (2 * 1 + 2 * 2 + 2 * 4 + 8) / 7, (2 * 1 + 2 * 1 + 2 * 8 + 0) / 7),
        ("mean_classes", ((1 + 2 + 4) / 3 + 8) / 2, ((1 + 1 + 8) / 3 + 0) / 2),
        ("sum", 15.0, 10.0),
        ("none", [1.0, 2.0, 4.0, 0.0, 8.0], [1.0, 1.0, 8.0, 0.0, 0.0]),
        (None, [1.0, 2.0, 4.0, 0.0, 8.0], [1.0, 1.0, 8.0, 0.0, 0.0]),
        (reducers.ThresholdReducer(low=1.0), (2 + 4 + 8) / 3, (1 + 8 + 0) / 3),
        (reducers.ThresholdReducer(low=None, high=4.0), (1 + 2) / 2, (1 + 1) / 2),
        (reducers.ThresholdReducer(low=100.0), 0.0, 0.0),
    ],
)
def test_reduction_by_hand(reduction, expected, weighted):
    assert reduced(reduction) == pytest.approx(expected, rel=1e-6)
    assert reduced(reduction, WEIGHTS) == pytest.approx(weighted, rel=1e-6)


def test_every_name_is_listed_and_a_wrong_one_is_named():
    assert reducers.reducer_names() == ["mean", "mean_classes", "mean_pairs", "none", "sum"]
    with pytest.raises(ValueError, match="Did you mean 'mean_pairs'"):
        SupConLoss(reduction="mean_pair")


def test_thresholds_that_leave_nothing__are_refused():
    with pytest.raises(ValueError, match="`low` must be below `high`: got 2 and 1"):
        reducers.ThresholdReducer(2, 1)


def test_mean_of_pairs_of_a_batch_counts_each_positive_pair_once(rng):
    """SupCon averages over an anchor's positives, so the mean over pairs is the mean over all positive pairs."""
    labels, x = [0, 0, 0, 1, 1, 2], rng.normal(size=(6, 4)).astype(np.float32)
    each = ops.convert_to_numpy(SupConLoss(reduction="none")(labels, x))
    counts = np.array([2, 2, 2, 1, 1, 0])
    assert float(SupConLoss(reduction="mean_pairs")(labels, x)) == pytest.approx((each * counts).sum() / 8, rel=1e-5)


@keras.saving.register_keras_serializable(package="tests")
class Largest(reducers.Reducer):
    """A user's reducer without arguments, under a name that is taken."""

    name = "mean"

    def __call__(self, values, *, contributing, pairs, codes, weights):
        return ops.max(values)


def test_reducer_of_ones_own__comes_back_with_its_loss():
    loss = SupConLoss(reduction=Largest())
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again.reducer) is Largest
