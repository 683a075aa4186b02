"""What constructors refuse, and how they say it."""

import numpy as np
import pytest
from keras import ops

from keras_similarity import losses


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        (losses.TripletLoss, {"margin": -0.1}, "`margin` must be at least 0: got -0.1"),
        (losses.TripletLoss, {"positive_mining_strategy": "semi-hard"}, "must be one of 'all', 'easy', 'hard': got"),
        (losses.PNLoss, {"negative_mining_strategy": "semihard"}, "`negative_mining_strategy` must be one of"),
        (losses.ContrastiveLoss, {"negative_margin": "far"}, "`negative_margin` must be a finite number: got 'far'"),
        (losses.CircleLoss, {"gamma": 0}, "`gamma` must be above 0: got 0"),
        (losses.CircleLoss, {"distance": "l2"}, "`distance` must be 'cosine' for this loss: got 'euclidean'"),
        (losses.AngularLoss, {"distance": "l2"}, "`distance` must be 'cosine' for this loss"),
        (losses.AngularLoss, {"alpha": 89}, "`alpha` must be above 0 and at most 65: got 89"),
        (losses.TupletMarginLoss, {"distance": "l1"}, "`distance` must be 'cosine' for this loss"),
        (losses.SigLIPLoss, {"distance": "snr"}, "`distance` must be 'cosine' for this loss"),
        (losses.FastAPLoss, {"distance": "l2"}, "`distance` must be 'cosine' for this loss"),
        (losses.FastAPLoss, {"num_bins": 2.5}, "`num_bins` must be a whole number of at least 1: got 2.5"),
        (losses.MarginLoss, {"distance": "cosine"}, "`distance` must be 'euclidean' for this loss: got 'cosine'"),
        (losses.MarginLoss, {"cutoff": 2}, "`cutoff` must be above 0 and at most 1.99: got 2"),
        (losses.RankedListLoss, {"imbalance": 1.5}, "`imbalance` must be at least 0 and at most 1: got 1.5"),
        (losses.SupConLoss, {"temperature": 0}, "`temperature` must be above 0: got 0"),
        (losses.NTXentLoss, {"temperature": float("nan")}, "`temperature` must be above 0: got nan"),
        (losses.NCALoss, {"scale": True}, "`scale` must be above 0: got True"),
        (losses.RecallAtKLoss, {"k_values": ()}, "`k_values` needs at least one k"),
        (losses.RecallAtKLoss, {"k_values": (0,)}, "`k_values` must be a whole number of at least 1: got 0"),
        (losses.NPairsLoss, {"l2_weight": -1}, "`l2_weight` must be at least 0: got -1"),
    ],
)
def test_bad_settings__are_named_with_what_to_do(loss, settings, message):
    with pytest.raises(ValueError, match=message) as error:
        loss(**settings)
    assert "\n  " in str(error.value)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float32"])
def test_labels_of_any_type_are_compared_as_they_are(dtype, rng):
    labels, x = [0, 0, 1, 1, 0], ops.array(rng.normal(size=(5, 3)), "float32")
    value = losses.supcon(ops.convert_to_tensor(np.array(labels).astype(dtype)), x)
    np.testing.assert_array_equal(ops.convert_to_numpy(value), ops.convert_to_numpy(losses.supcon(labels, x)))
