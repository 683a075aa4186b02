"""Losses around losses: cut to widths, and added up with their parts in the logs."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity import losses
from keras_similarity.layers import MetricEmbedding
from keras_similarity.models import SimilarityModel

LABELS = [0, 0, 1, 1, 2, 2]


@pytest.fixture
def x(rng):
    return rng.normal(size=(6, 8)).astype(np.float32)


def test_matryoshka_is_the_weighted_sum_over_widths(x):
    loss = losses.MatryoshkaLoss(losses.TripletLoss(margin=0.7), (8, 4, 2), (1.0, 0.5, 0.25))
    parts = [float(losses.TripletLoss(margin=0.7)(LABELS, x[:, :width])) for width in (8, 4, 2)]
    assert float(loss(LABELS, x)) == pytest.approx(parts[0] + 0.5 * parts[1] + 0.25 * parts[2], rel=1e-5)
    assert float(losses.MatryoshkaLoss(losses.TripletLoss(margin=0.7), (8, 2))(LABELS, x)) == pytest.approx(
        parts[0] + parts[2], rel=1e-5
    )


@pytest.mark.parametrize(
    ("loss_class", "size"),
    [(losses.SupConLoss, 4), *(pytest.param(losses.ContrastiveLoss, each, marks=pytest.mark.slow) for each in (1, 4))],
)
def test_matryoshka__chunks_have_the_value_of_one_piece(x, loss_class, size):
    settings = {
        "miner": losses.miners.PairMarginMiner(0.5, 0.2),
        "embedding_regularizer": losses.regularizers.LpRegularizer(1.0),
    }
    whole, parts = (losses.MatryoshkaLoss(loss_class(**settings, chunk_size=each), (8, 4)) for each in (None, size))
    labels = [0, 0, 1, 1, 2, 3]
    assert float(parts(labels, x)) == pytest.approx(float(whole(labels, x)), rel=1e-5)
    plain = losses.MatryoshkaLoss(loss_class(), (8, 4))
    assert float(whole(labels, x)) != pytest.approx(float(plain(labels, x)), rel=1e-2)


def test_matryoshka__of_the_full_width_is_the_loss_inside(x, rng):
    views = rng.normal(size=(6, 2, 8)).astype(np.float32)
    soft = rng.dirichlet(np.ones(3), 6).astype(np.float32)
    for loss, labels, rows in (
        (losses.InfoNCELoss(symmetric=True), np.arange(6), views),
        (losses.InstanceDiscriminationLoss(), soft, x),
        (losses.TripletLoss("cosine", "all", "all", 0.3), LABELS, x),
    ):
        rows = ops.convert_to_tensor(rows)
        assert float(losses.MatryoshkaLoss(loss, (8,))(labels, rows)) == pytest.approx(float(loss(labels, rows)))
    one_way = float(losses.InfoNCELoss()(np.arange(6), ops.convert_to_tensor(views)))
    assert float(losses.InfoNCELoss(symmetric=True)(np.arange(6), ops.convert_to_tensor(views))) != one_way


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((losses.TripletLoss(), ()), ValueError, "`widths` needs at least one width"),
        ((losses.TripletLoss(), (0,)), ValueError, "`widths` must be a whole number of at least 1: got 0"),
        ((losses.TripletLoss(), (2, 4), (1.0,)), ValueError, "got 1 for 2 widths"),
        ((losses.TripletLoss(), (2,), (-1.0,)), ValueError, "`weights` must be at least 0: got -1"),
        (("triplet", (2,)), TypeError, "`loss` must be a tuple loss"),
    ],
)
def test_matryoshka__bad_settings_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        losses.MatryoshkaLoss(*arguments)


def test_matryoshka__a_width_beyond_the_embedding_is_named(x):
    with pytest.raises(ValueError, match="at most the width of the embeddings, 8: got 9"):
        losses.MatryoshkaLoss(losses.TripletLoss(), (9, 2))(LABELS, x)


def test_sum_adds_its_weighted_parts(x):
    loss = losses.WeightedSum([losses.TripletLoss(margin=0.7), losses.SupConLoss()], [2.0, 0.5])
    expected = 2 * float(losses.TripletLoss(margin=0.7)(LABELS, x)) + 0.5 * float(losses.SupConLoss()(LABELS, x))
    assert float(loss(LABELS, x)) == pytest.approx(expected, rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(LABELS, x)) == pytest.approx(expected, rel=1e-5)
    assert again.distance.name == "cosine"


@pytest.mark.slow
def test_sum__each_part_is_in_the_history_of_fit_and_in_evaluate(rng):
    keras.utils.set_random_seed(2)
    x, y = rng.normal(size=(24, 6)).astype(np.float32), np.arange(24, dtype="int32") % 4
    inputs = keras.Input((6,))
    model = SimilarityModel(inputs, MetricEmbedding(4)(inputs))
    parts = {"triplets": losses.TripletLoss(margin=0.5), "memory": losses.CrossBatchMemory(losses.SupConLoss(), 12)}
    model.compile("sgd", loss=losses.WeightedSum(parts, [1.0, 0.1]))
    history = model.fit(x, y, batch_size=12, epochs=2, verbose=0).history
    together = np.array(history["triplets"]) + 0.1 * np.array(history["memory"])
    np.testing.assert_allclose(history["loss"], together, rtol=1e-5)
    report = model.evaluate(x, y, batch_size=24, verbose=0, return_dict=True)
    embeddings = model.embed(x)
    assert report["triplets"] == pytest.approx(float(losses.TripletLoss(margin=0.5)(y, embeddings)), rel=1e-4)
    assert report["memory"] == pytest.approx(float(losses.SupConLoss()(y, embeddings)), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({},), ValueError, "`losses` needs at least one loss"),
        (([losses.TripletLoss(), losses.TripletLoss()],), ValueError, "`losses` needs a name for each"),
        (({"a": "triplet"},), TypeError, "'a' is a str"),
        (({"a": losses.TripletLoss()}, [1.0, 2.0]), ValueError, "got 2 for 1 losses"),
    ],
)
def test_sum__bad_settings_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        losses.WeightedSum(*arguments)


@pytest.mark.slow
def test_memory_around_matryoshka_around_a_mined_loss__runs(x):
    inner = losses.TripletLoss(margin=0.9, miner=losses.miners.BatchHardMiner())
    memory = losses.CrossBatchMemory(losses.MatryoshkaLoss(inner, (8, 4)), 6)
    first = float(memory(LABELS, ops.convert_to_tensor(x)))
    assert first == pytest.approx(float(losses.MatryoshkaLoss(inner, (8, 4))(LABELS, x)), rel=1e-5)
    assert float(memory(LABELS, ops.convert_to_tensor(x[::-1].copy()))) != first
