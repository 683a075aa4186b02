"""What every head promises, whatever its loss. A head added to `keras_similarity.layers` is tested by itself."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity import SimilarityModel, layers, losses
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.training

HEADS = [
    value
    for value in vars(layers).values()
    if inspect.isclass(value) and issubclass(value, layers.ClassHead) and value is not layers.ClassHead
]
LABELS = np.array([0, 2, 1, 1, 3, 0, 2, 2])
CLASSES, WIDTH = 5, 4
BIG = 2**24
# Its values belong to classes: a permuted batch changes none of them.
BY_CLASS = {layers.ProxyAnchor}

each_head = pytest.mark.parametrize("head_class", HEADS, ids=lambda value: value.__name__)


@pytest.fixture
def x(rng):
    return rng.normal(size=(8, WIDTH)).astype(np.float32)


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def made(head_class, **settings):
    """Return a head whose state is that of a short training."""
    keras.utils.set_random_seed(3)
    head = head_class(CLASSES, **settings)
    head.build((None, WIDTH))
    for variable in head.non_trainable_variables:
        variable.assign(0.7)
    return head


def values(head, labels, x, **settings):
    return numpy_of(head.loss("none")(labels, head(x), **settings))


def model_of(head, **settings):
    """A model of one layer and the head, whose embeddings have different lengths."""
    inputs = keras.Input((WIDTH,))
    embedding = layers.MetricEmbedding(WIDTH, normalize=False, **settings)(inputs)
    return SimilarityModel(inputs, head(embedding))


def state_of(head):
    return [numpy_of(variable.value) for variable in head.non_trainable_variables]


def test_there_are_heads_to_test():
    assert {head.__name__ for head in HEADS} >= {
        "NormalizedSoftmax",
        "ArcFace",
        "CosFace",
        "SubCenterArcFace",
        "AdaFace",
        "CurricularFace",
        "ProxyNCA",
        "ProxyAnchor",
        "SoftTriple",
    }


@each_head
def test_the_embedding_goes_through_bit_for_bit(head_class, x):
    head = made(head_class, dtype="mixed_bfloat16")
    for dtype in ("float32", "float16"):
        rows = ops.cast(ops.convert_to_tensor(x), dtype)
        passed = head(rows)
        assert ops.dtype(passed) == dtype
        assert np.array_equal(numpy_of(passed), numpy_of(rows))


@each_head
def test_permuting_the_batch_permutes_the_values(head_class, x, rng):
    head, order = made(head_class), rng.permutation(len(LABELS))
    expected = values(head, LABELS, x)
    permuted = values(head, LABELS[order], x[order])
    np.testing.assert_allclose(permuted, expected if head_class in BY_CLASS else expected[order], rtol=1e-5)


@each_head
def test_renaming_classes_with_their_weights_changes_nothing(head_class, x, rng):
    head, names = made(head_class), rng.permutation(CLASSES)
    expected = values(head, LABELS, x)
    weights = numpy_of(head.class_weights.value).reshape(CLASSES, -1, WIDTH)
    renamed = np.empty_like(weights)
    renamed[names] = weights
    head.class_weights.assign(renamed.reshape(-1, WIDTH))
    after = values(head, names[LABELS], x)
    np.testing.assert_allclose(after[names] if head_class in BY_CLASS else after, expected, rtol=1e-5)


@each_head
def test_labels_of_any_kind_that_holds_whole_numbers_are_the_same(head_class, x):
    head = made(head_class)
    expected = values(head, LABELS.tolist(), x)
    for labels in (
        LABELS[:, None],
        LABELS.astype(np.uint8),
        LABELS.astype(np.float64),
        ops.convert_to_tensor(LABELS.astype(np.int32)),
        ops.convert_to_tensor(LABELS.astype(np.float32)[:, None]),
    ):
        assert np.array_equal(values(head, labels, x), expected)


@each_head
@pytest.mark.parametrize(
    ("label", "message"),
    [
        (CLASSES, f"whole numbers from 0 to {CLASSES - 1}, the classes of 'mine': row 3 is {CLASSES}"),
        (-1, "row 3 is -1"),
        (BIG + 1, "row 3 is 16777217"),
        (2**32 + 1, "row 3 is 4294967297"),
        (0.5, r"row 3 is 0\.5"),
        (float("nan"), "row 3 is nan"),
        ("cat", "row 0 is '0'"),
    ],
)
def test_a_label_that_is_no_class__is_named(head_class, label, message, x):
    head = made(head_class, name="mine")
    labels = [*LABELS[:3].tolist(), label, *LABELS[4:].tolist()]
    with pytest.raises(ValueError, match=message):
        values(head, labels, x)
    if isinstance(label, int) and label < 2**31:
        with pytest.raises(ValueError, match=message):
            values(head, ops.convert_to_tensor(np.array(labels, np.int32)), x)


@each_head
def test_rows_and_labels_that_do_not_fit__are_named(head_class, x):
    head = made(head_class)
    with pytest.raises(ValueError, match="got 7 labels for embeddings of shape"):
        values(head, LABELS[:7], x)
    with pytest.raises(ValueError, match=r"`labels` needs one entry per row, shape \(b,\): got \(8, 5\)"):
        values(head, np.eye(CLASSES)[LABELS], x)
    with pytest.raises(ValueError, match=r"`embeddings` needs shape \(b, 4\), what .* returned: got \(8, 8\)"):
        head.loss()(LABELS, np.hstack([x, x]))
    with pytest.raises(ValueError, match=r"needs one embedding per example, shape \(b, d\): got \(None, 3, 4\)"):
        head_class(CLASSES)(keras.Input((3, 4)))


@each_head
@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_half_precision__is_near_the_float32_value(head_class, dtype, x):
    head = made(head_class, dtype=f"mixed_{dtype}")
    half = ops.cast(ops.convert_to_tensor(x), dtype)
    value = head.loss()(LABELS, head(half))
    assert ops.dtype(value) == "float32"
    again = float(numpy_of(head.loss()(LABELS, head(ops.cast(half, "float32")))))
    assert float(numpy_of(value)) == pytest.approx(again, rel=1e-5)


@pytest.mark.slow
@each_head
def test_degenerate_rows__have_finite_values_and_gradients(head_class, x):
    head = made(head_class)
    own = numpy_of(head.class_weights.value)[:1]
    for rows in (np.zeros_like(x), np.ones_like(x), np.repeat(own, 8, axis=0), np.repeat(-own, 8, axis=0)):
        value, gradient = value_and_gradient(lambda r: head.loss()([0] * 8, head(r)), rows)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@each_head
def test_config_round_trip_keeps_every_argument(head_class):
    head = head_class(CLASSES, name="mine", initializer="zeros", regularizer="l2", dtype="mixed_bfloat16")
    config = keras.saving.serialize_keras_object(head)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is head_class
    names = [n for n, p in inspect.signature(head_class).parameters.items() if p.kind is not p.VAR_KEYWORD]
    assert {*names, "initializer", "regularizer", "name", "dtype"} <= set(config["config"])
    assert again.get_config() == head.get_config()
    loss = head.loss("sum", name="my_loss")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config() == {"head": "mine", "reduction": "sum", "name": "my_loss"}


@each_head
def test_loss_of_a_head_in_no_model__says_so(head_class, x):
    head = head_class(CLASSES)
    loss = head.loss()
    with pytest.raises(ValueError, match=r"found no embeddings that came through its head '.*'\.\n  End the model"):
        loss(LABELS, ops.convert_to_tensor(x))
    del head
    with pytest.raises(ValueError, match="found no embeddings"):
        loss(LABELS, ops.convert_to_tensor(x))


def test_loss_of_another_models_head__says_so(x):
    """The embeddings came through the clone's head; the loss would train neither."""
    head = made(layers.CosFace, name="shared")
    values(head, LABELS, x)
    loss = head.loss()
    loss(LABELS, head(x))
    clone = layers.CosFace.from_config(head.get_config())
    passed = clone(x)
    with pytest.raises(ValueError, match="found no embeddings that came through its head 'shared'"):
        loss(LABELS, passed)
    teacher, student = clone(x), head(x)
    assert float(numpy_of(loss(LABELS, student))) == pytest.approx(values(head, LABELS, x).mean(), rel=1e-5)
    assert teacher.shape == student.shape


def test_distance_of_the_model_is_the_cosine():
    head = layers.ArcFace(CLASSES)
    model = model_of(head)
    model.compile("sgd", loss=head.loss())
    assert model.embedding_size == WIDTH
    assert head.loss().distance.name == "cosine"


# What follows compiles and trains models.


@pytest.mark.slow
@each_head
def test_a_label_that_is_no_class_within_fit__is_an_error_or_a_nan_and_trains_nothing(head_class, x):
    """On PyTorch a batch's labels can be read; elsewhere `fit` compiles, and the value is NaN."""
    head = made(head_class)
    inputs = keras.Input((WIDTH,))
    model = keras.Model(inputs, head(layers.MetricEmbedding(WIDTH, normalize=False)(inputs)))
    model.compile(keras.optimizers.SGD(0.1), loss=head.loss("sum"))
    start = model.get_weights()
    labels = LABELS.copy()
    labels[3] = CLASSES
    if keras.backend.backend() == "torch":
        with pytest.raises(ValueError, match=f"row 3 is {CLASSES}"):
            model.fit(x, labels, batch_size=8, shuffle=False, verbose=0)
        assert all(map(np.array_equal, model.get_weights(), start))
        return
    history = model.fit(x, labels, batch_size=8, shuffle=False, verbose=0).history["loss"]
    assert np.isnan(history).all()
    assert np.isnan(model.evaluate(x, labels, batch_size=8, verbose=0))
    after = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    # The other rows trained as they would have without it; state that needs no label may have seen it.
    model.set_weights(start)
    keep = np.arange(8) != 3
    model.fit(x[keep], LABELS[keep], batch_size=8, shuffle=False, verbose=0)
    if head_class is not layers.AdaFace:
        for weight, other in zip(after, model.get_weights(), strict=True):
            np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@each_head
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_trains_on_a_sampler_in_any_precision(head_class, policy, x):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        head = head_class(CLASSES)
        model = model_of(head)
    finally:
        keras.config.set_dtype_policy(before)
    # Enough steps for float16 to find its loss scale; Adam stands still in bfloat16, where 0.999 is 1.
    model.compile(keras.optimizers.SGD(0.05), loss=head.loss())
    start = numpy_of(ops.cast(head.class_weights.value, "float32"))
    # Labels are what users have, such as strings and ids beyond float32; a sampler makes codes of them.
    sampler = MultiShotMemorySampler(x, [f"class {label}" for label in LABELS], 3, 2, steps_per_epoch=12, seed=0)
    assert np.isfinite(model.fit(sampler, verbose=0).history["loss"]).all()
    weights = numpy_of(ops.cast(head.class_weights.value, "float32"))
    assert np.isfinite(weights).all()
    assert (weights != start).any()
    assert all(np.isfinite(state) for state in state_of(head))
    assert all(variable.dtype == "float32" for variable in head.non_trainable_variables)


@pytest.mark.slow
@each_head
def test_labels_2_24_and_one_more_are_two_classes_to_the_sampler_and_train_as_0_and_1_do(head_class, x):
    histories = []
    for rename in (lambda c: c, lambda c: c + BIG, lambda c: 2**62 + c):
        head = made(head_class)
        keras.utils.set_random_seed(1)
        model = model_of(head)
        model.compile("sgd", loss=head.loss())
        names = [rename(int(label)) for label in np.sort(LABELS)]
        sampler = MultiShotMemorySampler(x, names, 4, 2, steps_per_epoch=3, seed=0)
        histories.append(model.fit(sampler, verbose=0).history["loss"])
    assert histories[0] == histories[1] == histories[2]


@pytest.mark.slow
@each_head
def test_compiled_and_eager_agree_and_state_moves_in_fit_only(head_class, x):
    head = made(head_class)
    model = model_of(head)
    model.compile(keras.optimizers.SGD(0.0), loss=head.loss())

    def eager():
        value = head.loss()(LABELS, head(model(x))) + sum(head.losses)
        return float(numpy_of(value))

    before = state_of(head)
    assert model.evaluate(x, LABELS, batch_size=8, verbose=0) == pytest.approx(eager(), rel=1e-5)
    assert state_of(head) == before
    model.fit(x, LABELS, batch_size=8, verbose=0, validation_data=(x, LABELS))
    moved = state_of(head)
    assert all(old != new for old, new in zip(before, moved, strict=True))
    assert model.evaluate(x, LABELS, batch_size=8, verbose=0) == pytest.approx(eager(), rel=1e-5)
    model.predict(x, verbose=0)
    assert state_of(head) == moved


@pytest.mark.slow
@each_head
def test_saved_in_a_model__loads_with_weights_state_and_loss_and_trains_on(head_class, x, tmp_path):
    head = made(head_class)
    model = model_of(head)
    model.compile("adam", loss=head.loss("sum", name="mine"))
    model.fit(x, LABELS, batch_size=8, epochs=2, verbose=0)
    model.index(x, y=LABELS)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is SimilarityModel
    for weight, other in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(weight, other)
    assert again.loss.get_config() == model.loss.get_config()
    assert again.single_lookup(x[0], k=1)[0].label == LABELS[0]
    expected = model.evaluate(x, LABELS, batch_size=8, verbose=0)
    assert again.evaluate(x, LABELS, batch_size=8, verbose=0) == pytest.approx(expected, rel=1e-6)
    loaded_head, start = again.get_layer(head.name), head.class_weights.numpy()
    further = [
        m.fit(x, LABELS, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"] for m in (model, again)
    ]
    np.testing.assert_allclose(further[1], further[0], rtol=1e-5)
    assert (numpy_of(loaded_head.class_weights.value) != start).any()


@pytest.mark.slow
@each_head
def test_a_clone_trains_its_own_head(head_class, x):
    head = made(head_class)
    model = model_of(head)
    model.compile("adam", loss=head.loss())
    model.fit(x, LABELS, batch_size=8, verbose=0)
    clone = keras.models.clone_model(model)
    kept, start = model.get_weights(), clone.get_layer(head.name).class_weights.numpy()
    clone.fit(x, LABELS, batch_size=8, verbose=0)
    assert (clone.get_layer(head.name).class_weights.numpy() != start).any()
    assert all(map(np.array_equal, model.get_weights(), kept))


@pytest.mark.slow
@each_head
def test_works_beside_a_tuple_loss_in_a_model_of_two_outputs(head_class, x, tmp_path):
    head = made(head_class)
    inputs = keras.Input((WIDTH,))
    outputs = {
        "left": head(layers.MetricEmbedding(WIDTH, normalize=False)(inputs)),
        "right": layers.MetricEmbedding(3)(inputs),
    }
    model = SimilarityModel(inputs, outputs)
    both = {"left": LABELS, "right": LABELS}
    model.compile(
        keras.optimizers.SGD(0.0), loss={"left": head.loss(), "right": losses.TripletLoss()}, embedding_output=1
    )
    parts = [
        float(numpy_of(loss(LABELS, model(x)[name])))
        for name, loss in (("left", head.loss()), ("right", losses.TripletLoss()))
    ]
    total = sum(parts) + float(numpy_of(sum(head.losses, ops.zeros(()))))
    # State moves before it is used, so what `evaluate` reports is known beforehand, and what `fit` does is finite.
    assert model.evaluate(x, both, batch_size=8, verbose=0, return_dict=True)["loss"] == pytest.approx(total, rel=1e-5)
    assert np.isfinite(model.fit(x, both, batch_size=8, verbose=0).history["loss"]).all()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    expected = model.evaluate(x, both, batch_size=8, verbose=0, return_dict=True)
    assert again.evaluate(x, both, batch_size=8, verbose=0, return_dict=True) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@each_head
def test_dropped__keeps_the_embedding_bit_for_bit_and_shares_the_weights(head_class, x):
    head = made(head_class)
    model = model_of(head)
    model.compile("adam", loss=head.loss())
    model.fit(x, LABELS, batch_size=8, verbose=0)
    encoder = layers.drop_heads(model)
    assert type(encoder) is SimilarityModel
    assert not any(isinstance(layer, layers.ClassHead) for layer in encoder.layers)
    assert np.array_equal(encoder.embed(x), model.embed(x))
    assert encoder.layers[1] is model.layers[1]
    ids = encoder.index(x, y=LABELS.tolist())
    assert len(ids) == 8
    assert encoder.single_lookup(x[2], k=1)[0].label == LABELS[2]
