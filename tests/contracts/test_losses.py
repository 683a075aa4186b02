"""What every loss promises, whatever it computes. A loss added to `keras_similarity.losses` is tested by itself."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity import losses
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.training

LOSSES = [
    value
    for value in vars(losses).values()
    if inspect.isclass(value) and issubclass(value, losses.MetricLoss) and value is not losses.MetricLoss
]
LABELS = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 0, 1]
BIG = 2**24
# The two parts of the contrastive loss need one kind of pair each; its own tests say what it does without the other.
ONE_KIND_IS_ENOUGH = {losses.ContrastiveLoss}

each_loss = pytest.mark.parametrize("loss_class", LOSSES, ids=lambda value: value.__name__)


@pytest.fixture
def x(rng):
    return rng.normal(size=(12, 5)).astype(np.float32)


def values(loss_class, labels, x):
    return ops.convert_to_numpy(loss_class(reduction="none")(labels, ops.convert_to_tensor(x)))


def anchors(loss_class):
    """How many of LABELS count in the mean: all but the singleton, for most losses."""
    return 12 if loss_class in ONE_KIND_IS_ENOUGH else 11


def test_there_are_losses_to_test():
    assert losses.MultiSimilarityLoss in LOSSES


@each_loss
def test_has_a_plain_function_with_the_same_values(loss_class, x):
    wanted = loss_class.__name__.removesuffix("Loss").lower()
    (function,) = (
        getattr(losses, name) for name in losses.__all__ if name.islower() and name.replace("_", "") == wanted
    )
    assert np.array_equal(ops.convert_to_numpy(function(LABELS, x)), values(loss_class, LABELS, x))


@each_loss
def test_permuting_the_batch_permutes_the_values(loss_class, x, rng):
    order = rng.permutation(len(LABELS))
    permuted = values(loss_class, np.array(LABELS)[order], x[order])
    np.testing.assert_allclose(permuted, values(loss_class, LABELS, x)[order], rtol=1e-4, atol=1e-5)


@each_loss
@pytest.mark.parametrize(
    "rename",
    [lambda c: c + BIG, lambda c: -c - 1, lambda c: f"class {c}", lambda c: (c, "x"), lambda c: 2**62 + c],
    ids=["beyond 2**24", "negative", "text", "tuples", "beyond 32 bits"],
)
def test_renaming_labels_changes_nothing(loss_class, rename, x):
    assert np.array_equal(values(loss_class, [rename(c) for c in LABELS], x), values(loss_class, LABELS, x))


@each_loss
def test_labels_2_24_and_one_more_stay_two_classes_as_tensors(loss_class, x):
    labels = ops.convert_to_tensor(np.array(LABELS, np.int32) + BIG)
    assert np.array_equal(values(loss_class, labels, x), values(loss_class, LABELS, x))


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_labels_2_24_and_one_more_stay_two_classes_through_evaluate(loss_class, dtype, x):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(loss=loss_class())
    plain, big = (model.evaluate(x, np.array(LABELS, dtype) + add, batch_size=12, verbose=0) for add in (0, BIG))
    assert big == pytest.approx(plain, rel=1e-6)
    assert plain == pytest.approx(float(loss_class()(LABELS, ops.convert_to_tensor(x))), rel=1e-5)


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize("labels", [[7] * 12, list(range(12)), None], ids=["one class", "singletons", "a batch of 1"])
def test_nothing_to_compare__gives_exactly_0_with_zero_gradient(loss_class, labels, x):
    if loss_class in ONE_KIND_IS_ENOUGH and labels is not None:
        pytest.skip("a pair of either kind is something to compare")
    labels, x = ([0], x[:1]) if labels is None else (labels, x)
    value, gradient = value_and_gradient(lambda e: loss_class()(labels, e), x)
    assert float(value) == 0.0
    assert not gradient.any()


@each_loss
def test_an_anchor_without_a_positive_gives_0_and_leaves_the_mean(loss_class, x):
    if loss_class in ONE_KIND_IS_ENOUGH:
        pytest.skip("a negative is enough")
    each = values(loss_class, LABELS, x)
    assert each[5] == 0.0
    mean = float(loss_class()(LABELS, ops.convert_to_tensor(x)))
    assert mean == pytest.approx(each.sum() / 11, rel=1e-5)


@pytest.mark.slow
@each_loss
def test_equal_rows__have_a_finite_gradient(loss_class):
    _, gradient = value_and_gradient(lambda e: loss_class()(LABELS, e), np.ones((12, 5), np.float32))
    assert np.isfinite(gradient).all()
    _, gradient = value_and_gradient(lambda e: loss_class()(LABELS, e), np.zeros((12, 5), np.float32))
    assert np.isfinite(gradient).all()


@each_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision__is_near_the_float32_value(loss_class, dtype, x):
    half = ops.cast(ops.convert_to_tensor(x), dtype)
    value = loss_class()(LABELS, half)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == pytest.approx(float(loss_class()(LABELS, ops.cast(half, "float32"))), rel=1e-5)


@each_loss
def test_double_precision__is_kept_or_rounded_and_never_an_error(loss_class, x):
    """TensorFlow keeps float64 rows as they are and multiplies them with nothing else."""
    each = ops.convert_to_numpy(loss_class(reduction="none")(LABELS, ops.convert_to_tensor(x.astype(np.float64))))
    np.testing.assert_allclose(each, values(loss_class, LABELS, x), rtol=1e-4, atol=1e-5)


@each_loss
def test_sample_weight_scales_an_anchor(loss_class, x):
    weights = np.linspace(0, 2, 12).astype(np.float32)
    each = values(loss_class, LABELS, x)
    mean = float(loss_class()(LABELS, ops.convert_to_tensor(x), sample_weight=weights))
    assert mean == pytest.approx((each * weights).sum() / anchors(loss_class), rel=1e-5)
    total = float(loss_class(reduction="sum")(LABELS, ops.convert_to_tensor(x), sample_weight=weights))
    assert total == pytest.approx((each * weights).sum(), rel=1e-5)


@each_loss
def test_config_round_trip_keeps_every_argument(loss_class, x):
    names = [name for name in inspect.signature(loss_class).parameters if name != "name"]
    loss = loss_class(name="mine")
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is loss_class
    assert again.name == "mine"
    assert set(names) <= set(config["config"])
    assert again.get_config() == loss.get_config()


@pytest.mark.slow
@each_loss
def test_trains_on_a_sampler_whose_batches_have_no_known_size(loss_class, x):
    """What `fit` sees of a PyDataset: on TensorFlow, shapes without numbers."""
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model.compile("sgd", loss=loss_class())
    sampler = MultiShotMemorySampler(x, LABELS, 4, 3, steps_per_epoch=2, seed=0)
    assert np.isfinite(model.fit(sampler, verbose=0).history["loss"]).all()


@pytest.mark.slow
@each_loss
def test_trains_compiled_in_a_model_of_two_heads_and_survives_saving(loss_class, x, tmp_path):
    inputs = keras.Input((5,))
    left, right = keras.layers.Dense(4, name="left")(inputs), keras.layers.Dense(3, name="right")(inputs)
    model = keras.Model(inputs, {"left": left, "right": right})
    model.compile("sgd", loss={"left": loss_class(), "right": loss_class()}, loss_weights={"left": 1, "right": 0.5})
    labels = np.array(LABELS)

    def eager(model, head):
        return float(ops.convert_to_numpy(model.loss[head](labels, model(x)[head])))

    before = eager(model, "left") + 0.5 * eager(model, "right")
    history = model.fit(x, {"left": labels, "right": labels}, epochs=3, batch_size=12, verbose=0).history["loss"]
    assert history[0] == pytest.approx(before, rel=1e-4)
    assert np.isfinite(history).all()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    for head in ("left", "right"):
        assert again.loss[head].get_config() == model.loss[head].get_config()
        assert eager(again, head) == pytest.approx(eager(model, head), rel=1e-5)


@each_loss
@pytest.mark.parametrize(
    ("labels", "shape", "message"),
    [
        ([0, 1], (3, 4), "got 2 labels for embeddings of shape"),
        ([0, 1, 1], (3, 4, 2), r"`embeddings` needs shape \(b, d\): got \(3, 4, 2\)"),
        (np.eye(3), (3, 4), r"shape \(n,\): got shape \(3, 3\)"),
    ],
    ids=["length", "3-D", "one-hot"],
)
def test_bad_input__says_what_is_wrong(loss_class, labels, shape, message):
    with pytest.raises(ValueError, match=message):
        loss_class()(labels, ops.ones(shape))
