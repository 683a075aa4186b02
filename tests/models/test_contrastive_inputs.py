"""What a `ContrastiveModel` takes for views, and which distance its index has."""

import keras
import numpy as np
import pytest

from keras_similarity.layers import ProjectionHead
from keras_similarity.losses import NTXentLoss
from keras_similarity.models import ContrastiveModel
from same_batch import SameBatch

X = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
ONE_HOT = np.eye(8, dtype=np.float32)[np.arange(16) % 8]
NEEDS_VIEWS = "training needs views of each example"


def small_model(shape=(8,), loss=None, **options):
    inputs = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(inputs) if len(shape) == 3 else inputs
    features = keras.layers.Dense(4)(pooled)
    model = ContrastiveModel(keras.Model(inputs, features), ProjectionHead(4, num_layers=1), algorithm="simclr")
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize("y", [ONE_HOT, np.arange(16)[:, None], np.arange(16)])
def test_labels_beside_examples__are_no_view(y):
    with pytest.raises(ValueError, match=NEEDS_VIEWS):
        small_model().fit(X, y, verbose=0)


@pytest.mark.parametrize("y", [ONE_HOT.astype(np.int32), ONE_HOT[:, :5], np.arange(16)[:, None]])
def test_batches_with_what_cannot_be_a_view__are_refused(y):
    with pytest.raises(ValueError, match=NEEDS_VIEWS):
        small_model().fit(SameBatch((X, y)), verbose=0)
    with pytest.raises(ValueError, match=NEEDS_VIEWS):
        small_model().evaluate(X, y, verbose=0)


def test_views_of_any_kind_of_number__are_views():
    images = np.zeros((4, 6, 6, 1), np.uint8)
    for views in ((images, images), (images.astype(np.float32), images), (images[..., 0], images[..., 0])):
        assert np.isfinite(small_model((6, 6, 1)).evaluate(SameBatch(views), verbose=0))
    assert np.isfinite(small_model((None, 6, 1)).evaluate(SameBatch((images, images)), verbose=0))


def test_validation_of_views__goes_on_working():
    history = small_model().fit((X, X + 0.1), validation_data=((X, X + 0.1),), verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


def test_index_has_the_losses_own_distance():
    loss = NTXentLoss(distance="euclidean")
    model = small_model(loss=loss)
    assert model.gallery.distance.name == model.loss_distance.name == "euclidean"
    assert small_model().gallery.distance.name == "cosine"
    assert small_model(loss=loss, distance="cosine").gallery.distance.name == "cosine"


def test_saved_model_keeps_the_distance(tmp_path):
    model = small_model(loss=NTXentLoss(distance="euclidean"))
    model.index(X, y=np.arange(16))
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").gallery.distance.name == "euclidean"


def test_weighted_metrics__weigh_each_view_as_its_example():
    labels, weights = np.arange(16) % 4, np.arange(16.0)
    model = small_model(weighted_metrics=[keras.metrics.MeanMetricWrapper(lambda y, _: y, name="label")])
    found = model.evaluate((X, X), labels, sample_weight=weights, batch_size=16, verbose=0, return_dict=True)
    assert found["label"] == pytest.approx(np.average(labels, weights=weights), rel=1e-6)
