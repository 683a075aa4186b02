"""Embedding regularisers against their formulas, written as loops."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import SupConLoss, regularizers

LABELS = [0, 0, 1, 1, 1, 2]


@pytest.fixture
def x(rng):
    return rng.normal(size=(6, 4)).astype(np.float32)


def spread_out(x, labels):
    rows = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = [rows[i] @ rows[j] for i, j in itertools.permutations(range(len(x)), 2) if labels[i] != labels[j]]
    return np.mean(cosines) ** 2 + max(0.0, np.mean(np.square(cosines)) - 1 / x.shape[1])


def test_lp_is_the_mean_norm(x):
    assert float(regularizers.LpRegularizer(2.0)(x)) == pytest.approx(2 * np.linalg.norm(x, axis=1).mean(), rel=1e-5)
    cubes = (np.abs(x) ** 3).sum(axis=1)
    assert float(regularizers.LpRegularizer(p=3, power=2)(x)) == pytest.approx((cubes ** (2 / 3)).mean(), rel=1e-5)


def test_center_invariant_is_a_quarter_of_the_variance_of_squared_norms(x):
    squares = (x**2).sum(axis=1)
    assert float(regularizers.CenterInvariantRegularizer()(x)) == pytest.approx(squares.var() / 4, rel=1e-5)


def test_zero_mean_is_the_mean_of_absolute_sums(x):
    assert float(regularizers.ZeroMeanRegularizer(3.0)(x)) == pytest.approx(3 * np.abs(x.sum(axis=1)).mean(), rel=1e-5)


def test_spread_out_is_the_papers__with_and_without_classes(x):
    spread = regularizers.SpreadOutRegularizer()
    assert float(spread(x)) == pytest.approx(spread_out(x, range(6)), rel=1e-4)
    found = float(spread.penalty(ops.convert_to_tensor(x), ops.convert_to_tensor(LABELS)))
    assert found == pytest.approx(spread_out(x, LABELS), rel=1e-4)
    assert found != pytest.approx(spread_out(x, range(6)), rel=1e-3)


ALL = [getattr(regularizers, name) for name in regularizers.__all__ if name != "EmbeddingRegularizer"]


@pytest.mark.slow
@pytest.mark.parametrize("regularizer", ALL)
def test_every_regularizer_adds_to_a_loss_and_has_finite_gradients(regularizer, x):
    plain, more = SupConLoss(), SupConLoss(embedding_regularizer=regularizer(0.5))
    rows, codes = ops.convert_to_tensor(x), ops.convert_to_tensor(LABELS)
    added = float(regularizer(0.5).penalty(rows, codes))
    assert float(more(LABELS, rows)) == pytest.approx(float(plain(LABELS, rows)) + added, rel=1e-5)
    for part in (x, np.zeros_like(x), x[:1]):
        value, gradient = value_and_gradient(regularizer(0.5), part)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_it_is_an_activity_regularizer_too__before_the_normalisation(x):
    inputs = keras.Input((4,))
    raw = keras.layers.Dense(3, activity_regularizer=regularizers.LpRegularizer(0.1))
    model = keras.Model(inputs, MetricEmbedding(2)(raw(inputs)))
    model(x)
    expected = 0.1 * np.linalg.norm(ops.convert_to_numpy(raw(x)), axis=1).mean() / len(x)  # Keras divides by the batch
    assert float(ops.convert_to_numpy(model.losses[0])) == pytest.approx(expected, rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(raw))
    assert again.activity_regularizer.weight == 0.1
