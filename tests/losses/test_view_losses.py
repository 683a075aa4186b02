"""Losses between two views: every one that there is, against its paper, and at the edges."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity import losses
from oracles import views

pytestmark = pytest.mark.training

LOSSES = [
    value
    for value in vars(losses).values()
    if inspect.isclass(value) and issubclass(value, losses.ViewLoss) and value is not losses.ViewLoss
]
ORACLES = {
    losses.SimSiamLoss: (views.simsiam, {}),
    losses.BarlowTwinsLoss: (views.barlow_twins, {"redundancy": 0.3}),
    losses.VICRegLoss: (views.vicreg, {"invariance": 3.0, "variance": 7.0, "covariance": 2.0}),
}
FUNCTIONS = {losses.SimSiamLoss: losses.simsiam, losses.BarlowTwinsLoss: losses.barlow_twins}
FUNCTIONS |= {losses.VICRegLoss: losses.vicreg}

each_loss = pytest.mark.parametrize("loss_class", LOSSES, ids=lambda value: value.__name__)


@pytest.fixture
def pair(rng):
    first = rng.normal(size=(7, 4))
    return first, first + 0.5 * rng.normal(size=(7, 4))


def value(loss, first, second):
    return float(loss(ops.convert_to_tensor(first), ops.convert_to_tensor(second)))


@each_loss
@pytest.mark.parametrize("as_it_comes", [True, False])
def test_value_is_the_papers(loss_class, pair, as_it_comes):
    oracle, settings = ORACLES[loss_class]
    settings = {} if as_it_comes else settings
    x, y = (part.astype(np.float32) for part in pair)
    expected = oracle(*pair, **settings)
    assert value(loss_class(**settings), x, y) == pytest.approx(expected, rel=1e-5)
    found = ops.convert_to_numpy(FUNCTIONS[loss_class](x, y, **settings))
    assert np.mean(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@each_loss
def test_gradient_of_the_second_view_is_that_of_differences(loss_class, pair):
    oracle, settings = ORACLES[loss_class]
    first, second = (part.astype(np.float32) for part in pair)
    loss = loss_class(**settings)
    _, found = value_and_gradient(lambda y: loss(ops.convert_to_tensor(first), y), second)
    np.testing.assert_allclose(found, finite_difference(lambda y: oracle(pair[0], y, **settings), pair[1]), atol=1e-4)


def test_no_gradient_reaches_simsiams_projections(pair):
    first, second = (part.astype(np.float32) for part in pair)
    loss = losses.SimSiamLoss()
    _, found = value_and_gradient(lambda x: loss(x, ops.convert_to_tensor(second)) + 0.0 * ops.sum(x), first)
    assert not found.any()


@each_loss
def test_the_order_of_the_items_makes_no_difference(loss_class, pair, rng):
    order = rng.permutation(7)
    loss = loss_class()
    assert value(loss, pair[0][order], pair[1][order]) == pytest.approx(value(loss, *pair), rel=1e-5)
    assert value(loss, pair[0][order], pair[1]) != pytest.approx(value(loss, *pair), rel=1e-2)


@each_loss
def test_views_that_agree_cost_less(loss_class, pair, rng):
    assert value(loss_class(), pair[0], pair[0]) < value(loss_class(), pair[0], rng.normal(size=(7, 4)))


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize(
    "rows", [np.zeros((5, 3)), np.ones((5, 3)), np.ones((1, 3)), 1e4 * np.eye(3)], ids=["0", "1", "one", "big"]
)
def test_rows_without_spread_give_finite_values_and_gradients(loss_class, rows):
    x = rows.astype(np.float32)
    loss = loss_class()
    found, gradient = value_and_gradient(lambda y: loss(ops.convert_to_tensor(x), y), x)
    assert np.isfinite(found)
    assert np.isfinite(gradient).all()


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(loss_class, pair, kind):
    halves = [ops.cast(ops.convert_to_tensor(part.astype(np.float32)), kind) for part in pair]
    wide = [ops.cast(half, "float32") for half in halves]
    assert float(loss_class()(*halves)) == pytest.approx(float(loss_class()(*wide)), rel=1e-6)


@each_loss
def test_comes_back_from_its_configuration(loss_class):
    loss = loss_class(**ORACLES[loss_class][1], name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is loss_class
    assert again.get_config() == loss.get_config()


@each_loss
def test_wrong_shapes_and_weights_are_refused(loss_class, pair):
    loss = loss_class()
    first, second = (ops.convert_to_tensor(part) for part in pair)
    with pytest.raises(ValueError, match=r"two views need the same shape \(b, d\): got \(7, 4\) and \(6, 4\)"):
        loss(first, second[:6])
    with pytest.raises(ValueError, match=r"got \(4,\) and \(4,\)"):
        loss(first[0], second[0])
    with pytest.raises(ValueError, match="takes no `sample_weight`"):
        loss(first, second, np.ones(7))


@pytest.mark.parametrize("name", ["redundancy", "invariance", "variance", "covariance"])
@pytest.mark.parametrize("wrong", [-1, "much", np.nan])
def test_weights_are_checked(name, wrong):
    loss_class = losses.BarlowTwinsLoss if name == "redundancy" else losses.VICRegLoss
    with pytest.raises(ValueError, match=f"`{name}` must be at least 0: got"):
        loss_class(**{name: wrong})
