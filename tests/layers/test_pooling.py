import keras
import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity.layers import GeneralizedMeanPooling1D, GeneralizedMeanPooling2D, L2Normalize

LIMITS = {float("inf"): np.max, float("-inf"): np.min}


def slow_gem(x, p, axes):
    """arXiv:1711.02512, eq. (3), in float64."""
    x = np.asarray(x, np.float64)
    if p in LIMITS:
        return LIMITS[p](x, axis=axes)
    x = np.maximum(x, 1e-6)
    return np.exp(np.log(x).mean(axis=axes)) if p == 0 else ((x**p).mean(axis=axes)) ** (1 / p)


@pytest.mark.parametrize("p", [1.0, 3.0, -2.0, 0, 7.5, 40.0, float("inf"), float("-inf")])
def test_gem_equals_the_paper(p, rng):
    image, sequence = rng.uniform(-0.2, 3, (2, 5, 4, 3)), rng.uniform(-0.2, 3, (2, 6, 3))
    for layer, x, axes in ((GeneralizedMeanPooling2D(p), image, (1, 2)), (GeneralizedMeanPooling1D(p), sequence, (1,))):
        pooled = ops.convert_to_numpy(layer(x.astype("float32")))
        np.testing.assert_allclose(pooled, slow_gem(x.astype("float32"), p, axes), rtol=1e-4)


@pytest.mark.parametrize("keepdims", [False, True])
def test_gem__channels_first_and_keepdims(keepdims, rng):
    x = rng.uniform(0, 3, (2, 3, 5, 4)).astype("float32")
    layer = GeneralizedMeanPooling2D(data_format="channels_first", keepdims=keepdims)
    pooled = ops.convert_to_numpy(layer(x))
    assert pooled.shape == ((2, 3, 1, 1) if keepdims else (2, 3)) == tuple(layer.compute_output_shape(x.shape))
    np.testing.assert_allclose(pooled.reshape(2, 3), slow_gem(x, 3.0, (2, 3)), rtol=1e-4)


@pytest.mark.parametrize("p", [3.0, float("inf"), 0])
def test_gem__model_of_unknown_size__trains_saves_and_loads(p, rng, tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, GeneralizedMeanPooling2D(p)(inputs))
    assert len(model.trainable_weights) == (1 if p == 3.0 else 0)
    x = rng.uniform(0, 3, (4, 5, 4, 3)).astype("float32")
    if p == 3.0:
        model.compile("sgd", loss="mse")
        model.fit(x, np.zeros((4, 3), "float32"), verbose=0)
        assert model.get_weights()[0] != 3.0
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_gem__gradient_equals_the_papers_and_is_finite_at_zero(rng):
    x = rng.uniform(0.5, 3, (1, 3, 2)).astype("float32")
    layer = GeneralizedMeanPooling1D(learn_p=False)
    _, gradient = value_and_gradient(lambda value: ops.sum(layer(value)), x)
    np.testing.assert_allclose(gradient, finite_difference(lambda v: slow_gem(v, 3.0, (1,)).sum(), x), rtol=1e-3)
    _, gradient = value_and_gradient(lambda value: ops.sum(layer(value)), np.zeros((1, 3, 2), "float32"))
    assert np.isfinite(gradient).all()


def test_gem__half_precision__does_not_overflow():
    x = np.full((1, 4, 2), 300.0, "float16")
    assert ops.convert_to_numpy(GeneralizedMeanPooling1D(p=8.0, dtype="float16")(x)).tolist() == [[300.0, 300.0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GeneralizedMeanPooling2D(p="three"), "`p` must be a number, or an infinity: got 'three'"),
        (lambda: GeneralizedMeanPooling2D(p=float("nan")), "got nan"),
        (lambda: GeneralizedMeanPooling2D(data_format="last"), "`data_format` must be one of"),
        (lambda: GeneralizedMeanPooling2D()(np.ones((2, 3, 4), "float32")), "needs inputs of 4 axes"),
    ],
)
def test_gem__bad_input__says_what(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_l2_normalize__unit_rows_zero_row_and_saving(rng, tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, L2Normalize()(inputs))
    x = np.vstack([rng.normal(size=(3, 4)), np.zeros((1, 4))]).astype("float32")
    rows = model.predict(x, verbose=0)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 0], rtol=1e-6)
    model.save(tmp_path / "m.keras")
    assert np.array_equal(keras.saving.load_model(tmp_path / "m.keras").predict(x, verbose=0), rows)
    _, gradient = value_and_gradient(lambda value: ops.sum(L2Normalize()(value)), x)
    assert np.isfinite(gradient).all()


def test_l2_normalize__mixed_precision__is_float32_to_the_last_digit(rng):
    x = rng.normal(size=(3, 4)).astype("float32")
    rows = L2Normalize(dtype="mixed_bfloat16")(x)
    assert keras.backend.standardize_dtype(rows.dtype) == "float32"
    np.testing.assert_allclose(ops.convert_to_numpy(rows), x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-6)


def test_in_half_precision__the_power_keeps_its_digits(rng):
    rows = rng.uniform(0.1, 4, size=(2, 3, 3, 2)).astype(np.float32)
    layers = [GeneralizedMeanPooling2D(p, dtype="mixed_bfloat16") for p in (np.float32(3.0), 3.007)]
    powers = []
    for layer in layers:
        layer(rows)
        powers.append(float(keras.ops.convert_to_numpy(layer.weights[0])))
        assert keras.backend.standardize_dtype(layer.weights[0].dtype) == "float32"
        with keras.src.backend.common.variables.AutocastScope("bfloat16"):
            assert keras.backend.standardize_dtype(layer.weights[0].value.dtype) == "float32"
    assert powers[0] != powers[1]
