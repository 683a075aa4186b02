import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity import SimilarityModel, losses
from keras_similarity.layers import MetricEmbedding
from keras_similarity.metrics import ActivationStd


def slow_std(x):
    """The definition, in float64."""
    unit = np.asarray(x, np.float64) / np.linalg.norm(x, axis=-1, keepdims=True)
    return unit.reshape(-1, x.shape[-1]).std(axis=0).mean()


def after(*batches, weights=None):
    metric = ActivationStd()
    for position, batch in enumerate(batches):
        metric.update_state(None, batch, None if weights is None else weights[position])
    return float(ops.convert_to_numpy(metric.result()))


def test_equals_the_definition_however_rows_fall_into_batches(rng):
    x = rng.normal((3, 0, 0, -1, 0), size=(24, 5)).astype(np.float32)
    assert after(x) == pytest.approx(slow_std(x), rel=1e-5)
    assert after(x[:8], x[8:16], x[16:]) == pytest.approx(slow_std(x), rel=1e-5)


def test_a_sample_weight_counts_a_row_so_many_times(rng):
    x = rng.normal(size=(8, 5)).astype(np.float32)
    weights = np.array([1, 3, 0, 0, 1, 2, 1, 0], np.float32)
    assert after(x, weights=[weights]) == pytest.approx(slow_std(np.repeat(x, weights.astype(int), axis=0)), rel=1e-5)
    assert after(x, x, weights=[weights, 0 * weights]) == pytest.approx(after(x, weights=[weights]), rel=1e-6)


def test_a_collapse_gives_0_to_the_last_digits(rng):
    collapsed = np.ones((24, 5), np.float32) * rng.uniform(0.5, 2, size=(24, 1)).astype(np.float32)
    assert after(collapsed) < 1e-6
    # Nearly collapsed: a mean of squares less a square of the mean would be all rounding.
    near = 1 + 1e-4 * rng.normal(size=(24, 5))
    assert after(near) == pytest.approx(slow_std(near), rel=1e-2)


@pytest.mark.slow
def test_even_directions_give_one_over_root_d(rng):
    assert after(rng.normal(size=(4000, 16))) == pytest.approx(1 / 4, rel=0.01)


def test_nothing_seen_is_0_and_reset_forgets(rng):
    metric = ActivationStd()
    assert float(ops.convert_to_numpy(metric.result())) == 0.0
    metric.update_state(None, rng.normal(size=(8, 5)))
    metric.reset_state()
    assert float(ops.convert_to_numpy(metric.result())) == 0.0


def test_another_width__is_an_error(rng):
    metric = ActivationStd(name="mine")
    metric.update_state(None, rng.normal(size=(8, 5)))
    with pytest.raises(ValueError, match="`mine` has seen activations of 5 dimensions, and now gets 4"):
        metric.update_state(None, rng.normal(size=(8, 4)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision__is_near(dtype, rng):
    x = rng.normal(size=(24, 5)).astype(np.float32)
    metric = ActivationStd(dtype=dtype)
    metric.update_state(None, ops.cast(ops.convert_to_tensor(x), dtype))
    assert float(ops.convert_to_numpy(metric.result())) == pytest.approx(slow_std(x), rel=1e-2)


@pytest.mark.slow
def test_logged_by_fit_and_evaluate_for_each_output_and_saved_with_the_model(rng, tmp_path):
    """Upstream's layer used `add_metric`, which Keras 3 does not have."""
    x, y = rng.normal(size=(24, 6)).astype(np.float32), np.arange(24) % 4
    inputs = keras.Input((6,))
    embedding = MetricEmbedding(5, name="embedding")(inputs)
    outputs = {"embedding": embedding, "projection": keras.layers.Dense(3, name="projection")(embedding)}
    model = SimilarityModel(inputs, outputs)
    both = {"embedding": y, "projection": y}
    model.compile(
        keras.optimizers.SGD(0.0),
        loss={"projection": losses.TripletLoss()},
        metrics={"embedding": ActivationStd("spread"), "projection": ActivationStd()},
        embedding_output=0,
    )
    history = model.fit(x, both, batch_size=10, verbose=0, validation_data=(x, both)).history
    results = model.evaluate(x, both, batch_size=7, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)
    for output, name in (("embedding", "embedding_spread"), ("projection", "projection_activation_std")):
        expected = pytest.approx(slow_std(predicted[output]), rel=1e-4)
        assert results[name] == expected
        assert history[name] == [expected]
        assert history[f"val_{name}"] == [expected]
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, both, batch_size=7, verbose=0, return_dict=True) == pytest.approx(results, rel=1e-4)
