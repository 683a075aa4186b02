import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.layers import MetricEmbedding, PredictionHead, ProjectionHead


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def slow_perceptron(head, x, training):
    """Dense layers, normalisation and ReLU, one after another in float64, with the weights of the head."""
    x = np.asarray(x, np.float64)
    for layer in head.inner:
        if isinstance(layer, keras.layers.Dense):
            x = x @ numpy_of(layer.kernel.value) + (numpy_of(layer.bias.value) if layer.use_bias else 0)
        elif isinstance(layer, keras.layers.BatchNormalization):
            mean = x.mean(axis=0) if training else numpy_of(layer.moving_mean.value)
            variance = x.var(axis=0) if training else numpy_of(layer.moving_variance.value)
            x = (x - mean) / np.sqrt(variance + layer.epsilon)
            x = x * (numpy_of(layer.gamma.value) if layer.scale else 1)
            x = x + (numpy_of(layer.beta.value) if layer.center else 0)
        else:
            x = np.maximum(x, 0)
    return x


def kinds(head):
    return [type(layer).__name__ for layer in head.inner]


HIDDEN = ["Dense", "BatchNormalization", "Activation"]


def test_projection__has_the_layers_of_its_definition():
    head = ProjectionHead(4, 6)
    head.build((None, 5))
    assert tuple(head.compute_output_shape((8, 5))) == (8, 4)
    assert kinds(head) == [*HIDDEN, *HIDDEN, "Dense", "BatchNormalization"]
    dense = [layer for layer in head.inner if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [6, 6, 4]
    assert not any(layer.use_bias for layer in dense)
    assert not head.inner[-1].scale
    assert not head.inner[-1].center


def test_prediction__has_a_narrow_hidden_layer_and_a_plain_output():
    head = PredictionHead(8)
    head.build((None, 8))
    assert kinds(head) == [*HIDDEN, "Dense"]
    assert (head.inner[0].units, head.inner[-1].units, head.inner[0].use_bias, head.inner[-1].use_bias) == (
        2,
        8,
        False,
        True,
    )
    assert PredictionHead(2).hidden_units == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: ProjectionHead(4),
        lambda: ProjectionHead(4, 7, num_layers=2, batch_norm=False, output_batch_norm=False),
        lambda: ProjectionHead(4, num_layers=1, output_batch_norm=False),
        lambda: PredictionHead(4, 3),
    ],
)
def test_equals_the_perceptron_in_training_and_after(make, rng):
    head, x = make(), rng.normal(size=(8, 5)).astype(np.float32)
    head.build((None, 5))
    for variable in head.variables:
        variable.assign(rng.uniform(0.5, 1.5, size=variable.shape))
    for training in (False, True):
        expected = slow_perceptron(head, x, training)
        np.testing.assert_allclose(numpy_of(head(x, training=training)), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision__is_float32_and_near(policy, rng):
    head, x = ProjectionHead(4, dtype=policy), rng.normal(size=(8, 5)).astype(np.float32)
    rows = head(x)
    assert ops.dtype(rows) == "float32"
    np.testing.assert_allclose(numpy_of(rows), slow_perceptron(head, x, False), atol=0.05)


@pytest.mark.slow
def test_saved__and_quantised_to_int8__reloads_with_difference_0(rng, tmp_path):
    keras.utils.set_random_seed(3)  # another draw may leave a row of zeros, which has no direction
    inputs = keras.Input((16,))
    embedding = MetricEmbedding(32)(inputs)
    projection = ProjectionHead(32, 64, activation="gelu")(embedding)
    model = keras.Model(inputs, {"projection": projection, "prediction": PredictionHead(32)(projection)})
    x = rng.normal(size=(8, 16)).astype(np.float32)
    before = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras").predict(x, verbose=0)
    for name in before:
        assert np.array_equal(again[name], before[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras names every layer that has nothing to quantise
        model.quantize("int8")
    after = model.predict(x, verbose=0)
    model.save(tmp_path / "q.keras")
    again = keras.saving.load_model(tmp_path / "q.keras").predict(x, verbose=0)
    for name in before:
        assert np.array_equal(again[name], after[name])
        cosines = (before[name] * after[name]).sum(axis=1) / np.linalg.norm(before[name], axis=1)
        assert (cosines / np.linalg.norm(after[name], axis=1)).min() > 0.99


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: ProjectionHead(0), "units"),
        (lambda: ProjectionHead(4, 2.5), "hidden_units"),
        (lambda: ProjectionHead(4, num_layers=0), "num_layers"),
        (lambda: PredictionHead(4, 0), "hidden_units"),
    ],
)
def test_bad_widths__are_named(make, name):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number of at least 1"):
        make()
