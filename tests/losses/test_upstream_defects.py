"""What TensorFlow Similarity's losses and its queue got wrong, each shown to be right here."""

import json
import math

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity import losses
from keras_similarity.layers import MetricEmbedding
from keras_similarity.models import SimilarityModel

SINGLETONS = [0, 1, 2, 3, 4, 5]
PAIRS = [0, 0, 1, 1, 2, 3]
FORMER = [
    losses.TripletLoss,
    losses.PNLoss,
    losses.MultiSimilarityLoss,
    losses.CircleLoss,
    losses.SoftNearestNeighborLoss,
    losses.LiftedStructLoss,
    losses.MultiNegativesRankLoss,
]
each_former_loss = pytest.mark.parametrize("loss_class", FORMER, ids=lambda value: value.__name__)


@pytest.fixture
def x(rng):
    return rng.normal(size=(6, 4)).astype(np.float32)


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


@each_former_loss
def test_a_config_held_a_live_distance_that_json_could_not_write(loss_class):
    loss = loss_class(distance="cosine")
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    assert keras.losses.deserialize(config).get_config() == loss.get_config()


@pytest.mark.parametrize("loss_class", [losses.TripletLoss, losses.PNLoss, losses.LiftedStructLoss])
def test_a_batch_of_singletons_cost_something(loss_class, x):
    """Rows of a mask without a single pair gave the least or largest distance of all: a loss of 0.43."""
    value, gradient = value_and_gradient(lambda e: loss_class()(SINGLETONS, e), x)
    assert value == 0
    assert not gradient.any()


def test_multi_similarity_counted_anchors_without_pairs_in_its_mean(x):
    alone = numbers(losses.multi_similarity(PAIRS, x))
    assert not alone[4:].any()
    assert float(losses.MultiSimilarityLoss()(PAIRS, ops.convert_to_tensor(x))) == pytest.approx(
        alone[:4].mean(), rel=1e-5
    )


def test_circle_was_the_sum_of_two_logarithms():
    """log(1 + A) + log(1 + B) where the paper (6) has log(1 + A B)."""
    x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], np.float32)
    gamma, margin, positive, negatives = 8.0, 0.4, 0.6, (0.0, 0.8)
    pull = math.exp(-gamma * (1 + margin - positive) * (positive - 1 + margin))
    push = sum(math.exp(gamma * max(0.0, s + margin) * (s - margin)) for s in negatives)
    found = float(numbers(losses.circle([0, 0, 1, 1], x, gamma=gamma, margin=margin))[0])
    assert found == pytest.approx(math.log1p(pull * push), rel=1e-4)
    assert found < 0.99 * (math.log1p(pull) + math.log1p(push))


def test_soft_nearest_neighbor_lost_everything_far_away_to_underflow(x):
    """Without the largest exponent taken out, distances above 100 gave log ε, whatever they were."""
    far = numbers(losses.soft_nearest_neighbor([0, 0, 1, 1, 2, 2], 30 * x))
    d = 900 * ((x[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=2)
    np.fill_diagonal(d, np.inf)
    same = np.arange(6) ^ 1
    expected = d[range(6), same] - d.min(axis=1)
    np.testing.assert_allclose(far, expected, rtol=1e-3, atol=1.0)
    assert far.max() > 1000


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("loss_class", [losses.SoftNearestNeighborLoss, losses.LiftedStructLoss])
def test_half_precision_broke_the_mask(loss_class, dtype, x):
    labels = [0, 0, 1, 1, 2, 2]
    half = float(loss_class()(labels, ops.cast(ops.convert_to_tensor(x), dtype)))
    assert half == pytest.approx(float(loss_class()(labels, ops.convert_to_tensor(x))), rel=0.05)


def test_lifted_struct_had_no_hinge_and_never_left_its_own_row():
    """By hand: log Σ_p exp(d) + log Σ_n exp(1 − d), at least 0."""
    x = np.array([[0.0], [1.0], [3.0], [4.0]], np.float32)
    found = numbers(losses.lifted_struct([0, 0, 1, 1], x))
    inner, outer = 1 + math.log(math.exp(-1) + math.exp(-2)), 1 + math.log(math.exp(-2) + math.exp(-3))
    np.testing.assert_allclose(found, [max(0.0, outer), inner, inner, max(0.0, outer)], atol=1e-5)
    assert outer < 0 < inner


def test_multi_negatives_rank_was_a_matrix_with_a_further_1_under_the_logarithm():
    views = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], np.float32)
    found = numbers(losses.multi_negatives_rank([0, 1, 2], views, scale=1.0))
    share = np.log([2 * math.e + 1, 2 + math.e, 2 + math.e])
    np.testing.assert_allclose(found, share - [1, 1, 0], rtol=1e-5)


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "manhattan"])
def test_multi_negatives_rank_refused_every_distance_but_one(distance, x):
    views = np.stack([x, x + 0.1], axis=1)
    assert np.isfinite(float(losses.MultiNegativesRankLoss(distance)(SINGLETONS, ops.convert_to_tensor(views))))


def test_multi_negatives_rank_forgot_its_scale_when_saved():
    loss = losses.MultiNegativesRankLoss(scale=3.0)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).scale == 3.0


@pytest.mark.slow
def test_multi_negatives_rank_failed_on_a_batch_of_unknown_size(x):
    inputs = keras.Input((2, 4))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    model.compile("sgd", loss=losses.MultiNegativesRankLoss())
    views = np.stack([x, x], axis=1)
    history = model.fit(views, np.arange(6), batch_size=4, verbose=0)  # the last batch has 2
    assert np.isfinite(history.history["loss"][0])


def trained_with(loss, x, y, **settings):
    inputs = keras.Input((4,))
    model = SimilarityModel(inputs, MetricEmbedding(3)(inputs))
    model.compile("sgd", loss=loss)
    return model, model.fit(x, y, verbose=0, shuffle=False, **settings).history


@pytest.mark.slow
@pytest.mark.parametrize("loss_class", [losses.PNLoss, losses.SoftNearestNeighborLoss, losses.LiftedStructLoss])
def test_the_queue_broke_most_losses_after_its_first_step(loss_class, rng):
    x, y = rng.normal(size=(32, 4)).astype(np.float32), np.arange(32) % 4
    _, history = trained_with(losses.CrossBatchMemory(loss_class(), memory_size=16), x, y, batch_size=8, epochs=2)
    assert np.isfinite(history["loss"]).all()


@pytest.mark.slow
def test_the_queue_could_not_be_smaller_than_a_batch(rng):
    x, y = rng.normal(size=(32, 4)).astype(np.float32), np.arange(32) % 4
    loss = losses.CrossBatchMemory(losses.TripletLoss(), memory_size=3)
    model, history = trained_with(loss, x, y, batch_size=8)
    assert np.isfinite(history["loss"]).all()
    assert sorted(numbers(model.loss.state.contents()[1]).tolist()) == sorted(y[-3:].tolist())


@pytest.mark.slow
def test_the_queue_took_the_batches_of_evaluate_and_was_not_saved(rng, tmp_path):
    x, y = rng.normal(size=(32, 4)).astype(np.float32), np.arange(32) % 4
    loss = losses.CrossBatchMemory(losses.TripletLoss(), memory_size=8)
    model, _ = trained_with(loss, x, y, batch_size=8, validation_data=(x + 5, y))
    before = [numbers(part) for part in model.loss.state.contents()]
    model.evaluate(x + 5, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for state in (model.loss.state, again.loss.state):
        assert all(np.array_equal(one, numbers(other)) for one, other in zip(before, state.contents(), strict=True))


def test_labels_had_to_be_integers_below_2_24(x):
    by_string = losses.multi_similarity(["cat", "cat", "dog", "dog", "emu", "gnu"], x)
    by_number = losses.multi_similarity([2**24, 2**24, 2**24 + 1, 2**24 + 1, -5, 2**60], x)
    assert np.array_equal(numbers(by_string), numbers(by_number))
    assert np.array_equal(numbers(by_string), numbers(losses.multi_similarity(PAIRS, x)))
