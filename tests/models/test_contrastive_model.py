import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity import losses, metrics
from keras_similarity.layers import ProjectionHead
from keras_similarity.models import ContrastiveModel, SimilarityModel, load_model
from oracles import views
from same_batch import SameBatch

pytestmark = pytest.mark.training

ALGORITHMS = ["simsiam", "simclr", "barlow", "vicreg"]
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def small_model(algorithm="simsiam", compile_it=True, loss=None, **settings):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((10,))
    backbone = keras.Model(inputs, keras.layers.Dense(6, activation="tanh")(inputs), name="backbone")
    settings = {"projector": ProjectionHead(8, num_layers=2)} | settings
    model = ContrastiveModel(backbone, algorithm=algorithm, **settings)
    if compile_it:
        model.compile(keras.optimizers.Adam(1e-2), loss=loss)
    return model


@pytest.fixture
def x(rng):
    return rng.normal(size=(40, 10)).astype(np.float32)


@pytest.fixture
def pair(x, rng):
    return tuple(x + 0.3 * rng.normal(size=x.shape).astype(np.float32) for _ in range(2))


@pytest.mark.slow
@each_algorithm
def test_training_on_views_lowers_the_loss(algorithm, pair):
    model = small_model(algorithm)
    found = model.fit(pair, epochs=30, batch_size=20, verbose=0).history["loss"]
    assert found[-1] < found[0] - 0.02 * abs(found[0])


@pytest.mark.slow
@each_algorithm
def test_heads_are_trained_with_the_backbone(algorithm, pair):
    model = small_model(algorithm)
    before = [np.array(weights) for weights in model.get_weights()]
    model.fit(pair, batch_size=20, verbose=0)
    moved = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)]
    assert all(moved)
    assert (model.predictor is not None) == (algorithm == "simsiam")


def simsiam_of(model, pair):
    parts = model(pair, training=False)
    z, p = (np.asarray(ops.convert_to_numpy(parts[name]), np.float64) for name in ("projections", "predictions"))
    return (views.simsiam(z[:, 0], p[:, 1]) + views.simsiam(z[:, 1], p[:, 0])) / 2


def test_loss_is_the_papers_mean_over_both_orders(pair):
    model = small_model(predictor=keras.layers.Dense(8))  # the narrow one makes rows of zeros
    assert model.evaluate(pair, batch_size=40, verbose=0) == pytest.approx(simsiam_of(model, pair), rel=1e-5)


@pytest.mark.slow
def test_loss_of_three_views_is_the_mean_over_their_pairs(x, rng):
    model = small_model("barlow")
    three = tuple(x + rng.normal(size=x.shape).astype(np.float32) for _ in range(3))
    z = np.asarray(ops.convert_to_numpy(model(three)["projections"]), np.float64)
    pairs = [views.barlow_twins(z[:, i], z[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert model.evaluate(three, batch_size=40, verbose=0) == pytest.approx(np.mean(pairs), rel=1e-4)


@pytest.mark.slow
def test_simclr_compares_every_view_with_every_other(pair):
    model = small_model("simclr")
    z = ops.convert_to_numpy(model(pair)["projections"])
    rows, numbers = np.concatenate([z[:, 0], z[:, 1]]), np.tile(np.arange(40), 2)
    expected = float(losses.NTXentLoss(temperature=0.1)(numbers, ops.convert_to_tensor(rows)))
    assert model.evaluate(pair, batch_size=40, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_labels_make_views_of_one_class_positives(pair):
    labels = np.arange(40) % 4
    model = small_model("simclr", loss=losses.SupConLoss())
    z = ops.convert_to_numpy(model(pair)["projections"]).reshape(80, -1)
    expected = float(losses.SupConLoss()(np.repeat(labels, 2), ops.convert_to_tensor(z)))
    assert model.evaluate(pair, labels, batch_size=40, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_batches_of_views_come_flat_or_with_labels(pair):
    labels = np.arange(40) % 4
    numbers = [small_model().evaluate(SameBatch(batch, 3), verbose=0) for batch in (pair, (pair,), (pair, labels))]
    assert numbers[0] == pytest.approx(numbers[1]) == pytest.approx(numbers[2])
    model = small_model()
    assert np.isfinite(model.fit(SameBatch(pair, 3), verbose=0).history["loss"][0])


def test_an_example_gives_its_embedding_and_so_does_everything_else(x):
    for embedding, width in (("backbone", 6), ("projector", 8)):
        model = small_model(embedding=embedding)
        found = ops.convert_to_numpy(model(x))
        assert found.shape == (40, width) == model.embed(x).shape
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
        for other in (model.predict(x, verbose=0), model.embed(x), ops.convert_to_numpy(model.encoder(x))):
            np.testing.assert_allclose(other, found, atol=1e-6)


@pytest.mark.slow
def test_views_embeddings_are_those_of_examples(x, pair):
    model = small_model()
    parts = model(pair)
    np.testing.assert_allclose(ops.convert_to_numpy(parts["embeddings"])[:, 1], model.embed(pair[1]), atol=1e-6)


def test_indexes_and_looks_up(x):
    model = small_model()
    model.index(x, y=[f"thing {row}" for row in range(40)])
    assert model.single_lookup(x[7], k=1)[0].label == "thing 7"
    model.compile("sgd")
    assert model.index_size() == 40


@pytest.mark.slow
def test_metrics_see_the_embeddings_of_all_views(pair):
    model = small_model(compile_it=False)
    model.compile("adam", metrics=[metrics.PositiveDistance()])
    found = model.evaluate(pair, batch_size=40, verbose=0, return_dict=True)
    first, second = model.embed(pair[0]), model.embed(pair[1])
    expected = np.mean(1 - np.sum(first * second, axis=1))
    assert found["positive_distance"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_what_layers_add_to_the_loss_counts(pair):
    predictor = keras.layers.Dense(8, kernel_regularizer=keras.regularizers.L2(0.1))
    model = small_model(predictor=predictor)
    penalty = 0.1 * float(np.sum(np.square(predictor.get_weights()[0])))
    expected = simsiam_of(model, pair) + penalty
    assert model.evaluate(pair, batch_size=40, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@each_algorithm
def test_one_file_keeps_all_of_it(algorithm, x, pair, tmp_path):
    model = small_model(algorithm, embedding="projector")
    model.fit(pair, verbose=0)
    model.index(x, y=np.arange(40))
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert type(again) is ContrastiveModel
    assert again.algorithm == algorithm
    assert again.index_size() == 40
    np.testing.assert_allclose(again.embed(x), model.embed(x), atol=1e-6)
    assert again.evaluate(pair, verbose=0) == pytest.approx(model.evaluate(pair, verbose=0), rel=1e-5)
    assert np.isfinite(again.fit(pair, verbose=0).history["loss"][0])


@pytest.mark.slow
def test_a_fresh_process_reads_it(x, tmp_path):
    model = small_model()
    model.index(x, y=np.arange(40))
    model.save(tmp_path / "m.keras")
    code = f"import keras_similarity, keras; print(keras.saving.load_model({str(tmp_path / 'm.keras')!r}).index_size())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()[-1] == "40"


@pytest.mark.slow
def test_goes_on_with_labels_in_a_model_that_shares_its_weights(x, pair):
    model = small_model()
    supervised = SimilarityModel(model.encoder.input, model.encoder.output)
    supervised.compile("adam", loss=losses.SupConLoss())
    supervised.fit(x, np.arange(40) % 4, batch_size=40, verbose=0)
    np.testing.assert_allclose(supervised.embed(x), model.embed(x), atol=1e-6)


def test_summary_names_every_part(capsys):
    small_model().summary()
    printed = capsys.readouterr().out
    assert "backbone" in printed
    assert "projection_head" in printed
    assert "prediction_head" in printed


@pytest.mark.slow
def test_default_heads_are_made_for_the_backbone():
    model = small_model(projector=None)
    assert model.projector.units == 512
    assert model.predictor.units == 512
    assert small_model("vicreg", projector=None).projector.num_layers == 3


def test_what_it_cannot_train_is_refused(x):
    inputs = keras.Input((4, 4, 1))
    with pytest.raises(ValueError, match=r"`backbone` must be a functional model .* outputs \[\(None, 4, 4, 1\)\]"):
        ContrastiveModel(keras.Model(inputs, keras.layers.ReLU()(inputs)))
    with pytest.raises(ValueError, match=r"`backbone` must be a functional model .* got Dense"):
        ContrastiveModel(keras.layers.Dense(3))
    with pytest.raises(ValueError, match="simsiam"):
        small_model("byol")
    with pytest.raises(ValueError, match="backbone"):
        small_model(embedding="predictor")
    with pytest.raises(TypeError, match="`loss` must compare views: got str"):
        small_model(loss="mse")
    with pytest.raises(TypeError, match="got CrossBatchMemory"):
        small_model(loss=losses.CrossBatchMemory(losses.SupConLoss(), 8))
    with pytest.raises(ValueError, match="training needs views of each example"):
        small_model().fit(x, verbose=0)
