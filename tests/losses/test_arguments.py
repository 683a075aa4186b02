"""What constructors refuse, and how they say it."""

import keras
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
        (losses.ContrastiveLoss, {"negative_margin": "far"}, "`negative_margin` must be at least 0: got 'far'"),
        (losses.ContrastiveLoss, {"positive_margin": -0.1}, "`positive_margin` must be at least 0: got -0.1"),
        (losses.LiftedStructLoss, {"negative_margin": -1}, "`negative_margin` must be at least 0: got -1"),
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


def test_margins_of_an_inner_product__may_be_negative():
    assert losses.ContrastiveLoss("inner_product", -0.9, -0.5).positive_margin == -0.9


@pytest.mark.parametrize(("name", "kind"), [("miner", "Miner"), ("embedding_regularizer", "EmbeddingRegularizer")])
@pytest.mark.parametrize("wrong", ["batch_hard", len])
def test_parts_of_another_kind__are_refused_at_once(name, kind, wrong):
    with pytest.raises(TypeError, match=rf"`{name}` must be a {kind}, or None: got .*\n  Pass one of those in"):
        losses.SupConLoss(**{name: wrong})


@pytest.mark.parametrize("weights", [[1.0], [1.0] * 3])
def test_sample_weights_of_another_length__are_refused(weights, rng):
    x = ops.array(rng.normal(size=(4, 3)), "float32")
    with pytest.raises(ValueError, match=f"needs one number a row: got {len(weights)} for 4 rows"):
        losses.SupConLoss()([0, 0, 1, 1], x, np.array(weights, np.float32))
    with pytest.raises(ValueError, match=r"`sample_weight` needs one entry per row.*\n  Pass one number a row"):
        losses.SupConLoss()([0, 0, 1, 1], x, np.ones((4, 2), np.float32))


def test_labels_that_are_no_classes__are_an_error_or_a_loss_of_nan_in_fit(rng):
    x, y = rng.normal(size=(8, 3)).astype(np.float32), np.array([0, 0, 1, 1, 0.5, 2, 2, 2], np.float32)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile("sgd", losses.SupConLoss())
    if keras.backend.backend() == "torch":
        with pytest.raises(ValueError, match=r"got 0\.5"):
            model.fit(x, y, verbose=0)
        return
    assert np.isnan(model.fit(x, y, verbose=0).history["loss"][0])
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    assert np.isfinite(model.fit(x, np.floor(y), verbose=0).history["loss"][0])


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"miner": losses.miners.BatchHardMiner()}, "miner"),
        ({"chunk_size": 2}, "chunk_size"),
        ({"reduction": "mean_classes"}, "reduction"),
        ({"embedding_regularizer": losses.regularizers.SpreadOutRegularizer(1.0)}, "embedding_regularizer"),
    ],
)
def test_rows_of_labels__refuse_what_needs_classes(settings, named, rng):
    y, x = np.eye(3, dtype=np.float32)[[0, 0, 1]], ops.array(rng.normal(size=(3, 3)), "float32")
    with pytest.raises(ValueError, match=f"`{named}` needs one class an item: got rows of labels"):
        losses.InstanceDiscriminationLoss(**settings)(y, x)


def test_rows_of_labels__refuse_negative_numbers_and_a_memory(rng):
    y, x = np.eye(3, dtype=np.float32)[[0, 0, 1]], ops.array(rng.normal(size=(3, 3)), "float32")
    with pytest.raises(ValueError, match="`labels` needs numbers of at least 0: got -1"):
        losses.InstanceDiscriminationLoss()(-y, x)
    memory = losses.CrossBatchMemory(losses.InstanceDiscriminationLoss(), 8)
    with pytest.raises(ValueError, match=r"keeps one class a row: got labels of shape \(3, 3\)"):
        memory(ops.convert_to_tensor(y), x)
    with pytest.raises(ValueError, match=r"shape \(n,\): got shape \(3, 3\)"):
        memory(y, x)


@pytest.mark.parametrize("scale", [1e4, 1e6, 1e8])
@pytest.mark.parametrize(
    "loss",
    [
        losses.NCALoss(),
        *(losses.TripletLoss("squared_euclidean", "hard", each, 0.0) for each in ("hard", "semi-hard", "easy")),
    ],
    ids=["nca", "hard", "semi-hard", "easy"],
)
def test_rows_of_any_length__are_told_apart(loss, scale, rng):
    """Where squared distances are up to 1e18: the loss grows with them."""
    labels, x = np.repeat(np.arange(8), 4), rng.normal(size=(32, 8)).astype(np.float32)
    # NCA's is the nearest pair's alone once distances are far above 1.
    plain, long = (float(loss(labels, x * each)) / each**2 for each in (100.0, scale))
    assert long == pytest.approx(plain, rel=1e-4)
