"""What every loss promises, whatever it computes. A loss added to `keras_similarity.losses` is tested by itself."""

import inspect
import json

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity import losses
from keras_similarity.models import SimilarityModel
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.training

# A loss around another takes the settings of that one.
AROUND_ANOTHER = {
    losses.CrossBatchMemory: lambda loss: losses.CrossBatchMemory(loss, memory_size=5),
    losses.MatryoshkaLoss: lambda loss: losses.MatryoshkaLoss(loss, widths=(2, 3), weights=(0.5, 2.0)),
}
LOSSES = [
    value
    for value in vars(losses).values()
    if inspect.isclass(value) and issubclass(value, losses.MetricLoss) and value is not losses.MetricLoss
]
PLAIN = [value for value in LOSSES if value not in AROUND_ANOTHER]
CHUNKED = [losses.InfoNCELoss, losses.SupConLoss, losses.MultiSimilarityLoss]  # the ones that big batches are for
LABELS = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 0, 1]
BIG = 2**24
# The two parts of the contrastive loss need one kind of pair each; its own tests say what it does without the other.
ONE_KIND_IS_ENOUGH = {losses.ContrastiveLoss}

each_loss = pytest.mark.parametrize("loss_class", LOSSES, ids=lambda value: value.__name__)
each_plain_loss = pytest.mark.parametrize("loss_class", PLAIN, ids=lambda value: value.__name__)


def make(loss_class, **settings):
    """A loss of this class, or around another with these settings."""
    around = AROUND_ANOTHER.get(loss_class)
    return loss_class(**settings) if around is None else around(losses.SupConLoss(**settings))


@pytest.fixture
def x(rng):
    return rng.normal(size=(12, 5)).astype(np.float32)


def values(loss_class, labels, x):
    return ops.convert_to_numpy(make(loss_class, reduction="none")(labels, ops.convert_to_tensor(x)))


def anchors(loss_class):
    """How many of LABELS count in the mean: all but the singleton, for most losses."""
    return 12 if loss_class in ONE_KIND_IS_ENOUGH else 11


def test_there_are_losses_to_test():
    assert losses.MultiSimilarityLoss in LOSSES


@each_plain_loss
def test_has_a_plain_function_with_the_same_values(loss_class, x):
    wanted = loss_class.__name__.removesuffix("Loss").lower()
    (function,) = (
        getattr(losses, name) for name in losses.__all__ if name.islower() and name.replace("_", "") == wanted
    )
    assert np.array_equal(ops.convert_to_numpy(function(LABELS, x)), values(loss_class, LABELS, x))


@each_loss
def test_embeddings_may_be_lists(loss_class, x):
    for rows in (x, x[:, None] + np.array([[0.0], [0.5]], np.float32)):
        expected = make(loss_class)(LABELS, ops.convert_to_tensor(rows))
        assert float(make(loss_class)(LABELS, rows.tolist())) == pytest.approx(float(expected), rel=1e-6)


@each_loss
def test_permuting_the_batch_permutes_the_values(loss_class, x, rng):
    order = rng.permutation(len(LABELS))
    permuted = values(loss_class, np.array(LABELS)[order], x[order])
    np.testing.assert_allclose(permuted, values(loss_class, LABELS, x)[order], rtol=1e-4, atol=1e-5)


@each_loss
@pytest.mark.parametrize(
    "rename",
    [
        pytest.param(lambda c: c + BIG, id="beyond 2**24"),
        pytest.param(lambda c: f"class {c}", id="text"),
        pytest.param(lambda c: 2**62 + c, id="beyond 32 bits", marks=pytest.mark.slow),
        pytest.param(lambda c: -c - 1, id="negative", marks=pytest.mark.slow),
        pytest.param(lambda c: (c, "x"), id="tuples", marks=pytest.mark.slow),
    ],
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
    model = SimilarityModel(inputs, keras.layers.Identity()(inputs))
    model.compile(loss=make(loss_class))
    plain, big = (model.evaluate(x, np.array(LABELS, dtype) + add, batch_size=12, verbose=0) for add in (0, BIG))
    assert big == pytest.approx(plain, rel=1e-6)
    assert plain == pytest.approx(float(make(loss_class)(LABELS, ops.convert_to_tensor(x))), rel=1e-5)


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize("labels", [[7] * 12, list(range(12)), None], ids=["one class", "singletons", "a batch of 1"])
def test_nothing_to_compare__gives_exactly_0_with_zero_gradient(loss_class, labels, x):
    if loss_class in ONE_KIND_IS_ENOUGH and labels is not None:
        pytest.skip("a pair of either kind is something to compare")
    labels, x = ([0], x[:1]) if labels is None else (labels, x)
    value, gradient = value_and_gradient(lambda e: make(loss_class)(labels, e), x)
    assert float(value) == 0.0
    assert not gradient.any()


@each_loss
def test_an_anchor_without_a_positive_gives_0_and_leaves_the_mean(loss_class, x):
    if loss_class in ONE_KIND_IS_ENOUGH:
        pytest.skip("a negative is enough")
    each = values(loss_class, LABELS, x)
    assert each[5] == 0.0
    mean = float(make(loss_class)(LABELS, ops.convert_to_tensor(x)))
    assert mean == pytest.approx(each.sum() / 11, rel=1e-5)


@pytest.mark.slow
@each_loss
def test_equal_rows__have_a_finite_gradient(loss_class):
    _, gradient = value_and_gradient(lambda e: make(loss_class)(LABELS, e), np.ones((12, 5), np.float32))
    assert np.isfinite(gradient).all()
    _, gradient = value_and_gradient(lambda e: make(loss_class)(LABELS, e), np.zeros((12, 5), np.float32))
    assert np.isfinite(gradient).all()


@each_loss
@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_half_precision__is_near_the_float32_value(loss_class, dtype, x):
    half = ops.cast(ops.convert_to_tensor(x), dtype)
    value = make(loss_class)(LABELS, half)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == pytest.approx(float(make(loss_class)(LABELS, ops.cast(half, "float32"))), rel=1e-5)


@pytest.mark.slow
@each_loss
def test_double_precision__is_kept_or_rounded_and_never_an_error(loss_class, x):
    """TensorFlow keeps float64 rows as they are and multiplies them with nothing else."""
    each = ops.convert_to_numpy(make(loss_class, reduction="none")(LABELS, ops.convert_to_tensor(x.astype(np.float64))))
    np.testing.assert_allclose(each, values(loss_class, LABELS, x), rtol=1e-4, atol=1e-5)


@each_loss
def test_sample_weight_scales_an_anchor(loss_class, x):
    weights = np.linspace(0, 2, 12).astype(np.float32)
    each = values(loss_class, LABELS, x)
    mean = float(make(loss_class)(LABELS, ops.convert_to_tensor(x), sample_weight=weights))
    assert mean == pytest.approx((each * weights).sum() / anchors(loss_class), rel=1e-5)
    total = float(make(loss_class, reduction="sum")(LABELS, ops.convert_to_tensor(x), sample_weight=weights))
    assert total == pytest.approx((each * weights).sum(), rel=1e-5)


@each_loss
def test_config_round_trip_keeps_every_argument(loss_class, x):
    names = [name for name in inspect.signature(loss_class).parameters if name not in ("name", "kwargs")]
    loss = make(loss_class) if loss_class in AROUND_ANOTHER else loss_class(name="mine")
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is loss_class
    assert again.name == loss.name
    assert set(names) <= set(config["config"])
    assert again.get_config() == loss.get_config()


def another(value):
    """A setting that differs from this one, and is as good."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 0.75 * value or 0.25


@each_plain_loss
def test_every_number_that_was_given_comes_back(loss_class, x):
    defaults = {name: parameter.default for name, parameter in inspect.signature(loss_class).parameters.items()}
    given = {name: another(value) for name, value in defaults.items() if isinstance(value, int | float)}
    loss = loss_class(**given, reduction="sum")
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(loss))))
    assert again.get_config().items() >= {**given, "reduction": "sum"}.items()
    value = float(again(LABELS, ops.convert_to_tensor(x)))
    assert value == pytest.approx(float(loss(LABELS, ops.convert_to_tensor(x))), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("loss_class", "size"), [*((loss, None) for loss in LOSSES), *((loss, 5) for loss in CHUNKED)])
def test_trains_on_a_sampler_whose_batches_have_no_known_size(loss_class, size, x):
    """What `fit` sees of a PyDataset: on TensorFlow, shapes without numbers."""
    inputs = keras.Input((5,))
    model = SimilarityModel(inputs, keras.layers.Dense(4)(inputs))
    model.compile("sgd", loss=make(loss_class, chunk_size=size))
    sampler = MultiShotMemorySampler(x, LABELS, 4, 3, steps_per_epoch=1, seed=0)
    rows, codes = sampler[0]
    expected = float(make(loss_class)(codes, ops.convert_to_tensor(model.predict(rows, verbose=0))))
    history = model.fit(sampler, epochs=2, verbose=0).history["loss"]
    assert history[0] == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(history).all()


@pytest.mark.slow
@pytest.mark.parametrize("loss_class", [*CHUNKED, losses.CircleLoss, losses.TripletLoss, losses.CrossBatchMemory])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_trains_under_mixed_precision(loss_class, x, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((5,))
        model = SimilarityModel(inputs, keras.layers.Dense(4)(inputs))
        model.compile(keras.optimizers.SGD(0.01), loss=make(loss_class))
        history = model.fit(x, np.array(LABELS), epochs=3, batch_size=12, verbose=0).history["loss"]
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history).all()
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


@pytest.mark.slow
@each_loss
def test_trains_compiled_in_a_model_of_two_heads_and_survives_saving(loss_class, x, tmp_path):
    inputs = keras.Input((5,))
    left, right = keras.layers.Dense(4, name="left")(inputs), keras.layers.Dense(3, name="right")(inputs)
    model = SimilarityModel(inputs, {"left": left, "right": right})
    both = {"left": make(loss_class), "right": make(loss_class)}
    model.compile("sgd", loss=both, loss_weights={"left": 1, "right": 0.5}, embedding_output="left")
    labels = np.array(LABELS)

    def eager(model, head):
        model.loss[head].training = False  # a memory is left as it is
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
        ([0, 1, 1], (3, 4, 5), r"`embeddings` needs shape \(b, d\), or \(b, 2, d\) for two views: got \(3, 4, 5\)"),
        (np.eye(3), (3, 5), r"shape \(n,\): got shape \(3, 3\)"),
        ([0.5, 1.0, 1.0], (3, 5), r"`labels` needs classes, which are whole numbers or names: got 0.5"),
        (np.array([0.5, 1.0, 1.0], "float32"), (3, 5), r"whole numbers or names: got 0.5"),
    ],
    ids=["length", "3-D", "one-hot", "scores", "scores as an array"],
)
def test_bad_input__says_what_is_wrong(loss_class, labels, shape, message):
    if loss_class is losses.InstanceDiscriminationLoss and "3, 3" in message:
        pytest.skip("it takes rows of labels")
    with pytest.raises(ValueError, match=message):
        make(loss_class)(labels, ops.ones(shape))


@each_loss
def test_labels_that_are_not_whole_as_a_tensor__are_refused(loss_class, x):
    with pytest.raises(ValueError, match=r"whole numbers or names: got 1\.5"):
        make(loss_class)(ops.convert_to_tensor(np.arange(12, dtype="float32") * 1.5), ops.convert_to_tensor(x))


SETTINGS = {
    "miner": lambda: losses.miners.MultiSimilarityMiner(0.3, distance="euclidean"),
    "embedding_regularizer": lambda: losses.regularizers.LpRegularizer(0.5, p=3),
    "reduction": lambda: losses.reducers.ThresholdReducer(low=0.1, high=9),
    "chunk_size": lambda: 5,
}


@each_plain_loss
def test_shared_settings_survive_saving(loss_class, x):
    loss = loss_class(**{key: make_one() for key, make_one in SETTINGS.items()})
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()
    assert type(again.reducer) is losses.reducers.ThresholdReducer
    assert again.miner.distance.name == "euclidean"
    assert again.embedding_regularizer.p == 3


@pytest.mark.slow
@each_loss
def test_in_chunks__has_the_same_value_and_gradient(loss_class, x):
    """Seven rows at a time: the last chunk of twelve is not full."""
    whole = value_and_gradient(lambda e: make(loss_class)(LABELS, e), x)
    parts = value_and_gradient(lambda e: make(loss_class, chunk_size=7)(LABELS, e), x)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@each_plain_loss
def test_in_a_memory__anchors_meet_the_past_as_if_it_were_in_the_batch(loss_class, x, rng):
    past, past_labels = rng.normal(size=(8, 5)).astype(np.float32), [0, 1, 2, 2, 4, 4, 3, 5]
    memory = losses.CrossBatchMemory(loss_class(reduction="none"), memory_size=8)
    memory(past_labels, ops.convert_to_tensor(past))
    found = ops.convert_to_numpy(memory(LABELS, ops.convert_to_tensor(x)))
    together = values(loss_class, LABELS + past_labels, np.concatenate([x, past]))[:12]
    np.testing.assert_allclose(found, together, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, values(loss_class, LABELS, x))


@pytest.mark.slow
@each_plain_loss
def test_two_views__an_anchor_meets_the_second_views_of_all_items(loss_class, x, rng):
    keys = x + rng.normal(size=x.shape).astype(np.float32)
    found = values(loss_class, LABELS, np.stack([x, keys], axis=1))
    for row in (0, 3, 5):
        alone = values(loss_class, [LABELS[row], *LABELS], np.concatenate([x[row : row + 1], keys]))[0]
        assert found[row] == pytest.approx(alone, rel=1e-4, abs=1e-5)


MINERS = [getattr(losses.miners, name) for name in losses.miners.__all__ if name != "Miner"]


@pytest.mark.slow
@each_plain_loss
def test_with_any_miner__is_finite_and_zero_where_nothing_is_left(loss_class, x):
    for miner_class in MINERS:
        loss = loss_class(miner=miner_class(), reduction="none")
        value, gradient = value_and_gradient(lambda e, loss=loss: ops.sum(loss(LABELS, e)), x)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    nothing = losses.miners.PairMarginMiner(positive_margin=100.0, negative_margin=-100.0)
    value, gradient = value_and_gradient(lambda e: loss_class(miner=nothing)(LABELS, e), x)
    assert float(value) == 0.0
    assert not gradient.any()


each_miner = pytest.mark.parametrize("miner_class", MINERS, ids=lambda value: value.__name__)


def mined(miner_class, labels, x):
    loss = losses.SupConLoss(miner=miner_class(), reduction="none")
    return ops.convert_to_numpy(loss(labels, ops.convert_to_tensor(x)))


# One of them draws by the place in the batch.
@pytest.mark.parametrize("miner_class", [each for each in MINERS if each is not losses.miners.DistanceWeightedMiner])
def test_what_a_miner_chooses_follows_the_batch(miner_class, x, rng):
    order = rng.permutation(12)
    moved = mined(miner_class, np.array(LABELS)[order], x[order])
    np.testing.assert_allclose(moved, mined(miner_class, LABELS, x)[order], rtol=1e-5, atol=1e-6)


@each_miner
def test_what_a_miner_chooses_knows_no_names(miner_class, x):
    expected = mined(miner_class, LABELS, x)
    for names in ([label + BIG for label in LABELS], [f"class {label}" for label in LABELS]):
        np.testing.assert_array_equal(mined(miner_class, names, x), expected)


@pytest.mark.slow
@each_miner
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_miner_of_half_precision__chooses_as_in_float32(miner_class, dtype, x):
    half = ops.cast(ops.convert_to_tensor(x), dtype)
    loss = losses.SupConLoss(miner=miner_class())
    assert float(loss(LABELS, half)) == pytest.approx(float(loss(LABELS, ops.cast(half, "float32"))), rel=1e-5)


@pytest.mark.slow
@each_miner
def test_a_miner_compiled_in_fit_and_around_a_memory__chooses_as_it_does_eagerly(miner_class, x):
    loss = losses.SupConLoss(miner=miner_class())
    inputs = keras.Input((5,))
    start = steady_start(loss, x)
    for compiled in (loss, losses.CrossBatchMemory(losses.SupConLoss(miner=miner_class()), 8)):
        layer = keras.layers.Dense(4, kernel_initializer=keras.initializers.Constant(start))
        model = SimilarityModel(inputs, layer(inputs))
        model.compile("sgd", loss=compiled)
        eager = float(ops.convert_to_numpy(loss(LABELS, model(x))))
        history = model.fit(x, np.array(LABELS), epochs=2, batch_size=12, shuffle=False, verbose=0).history["loss"]
        assert np.isfinite(history).all()
        assert compiled is not loss or history[0] == pytest.approx(eager, rel=1e-4)


def steady_start(loss, x):
    """Weights whose embeddings give the same loss when their last bits change, as they do between compilers.

    A miner that draws would draw other pairs for some weights.
    """
    for seed in range(100):
        rng = np.random.default_rng(seed)
        weights = rng.uniform(-0.8, 0.8, (x.shape[1], 4)).astype(np.float32)
        nearby = [x @ weights * (1 + 1e-6 * rng.normal(size=(len(x), 4))).astype(np.float32) for _ in range(10)]
        values = [float(loss(LABELS, ops.convert_to_tensor(rows))) for rows in (x @ weights, *nearby)]
        if max(values) - min(values) < 1e-4 * abs(values[0]):
            return weights
    raise AssertionError("no start is steady")
