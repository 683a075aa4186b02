"""The frozen part of a model runs once a row, and what is trained on its features is the model."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_similarity import SimilarityModel
from keras_similarity.architectures import from_backbone
from keras_similarity.embed import FrozenCache
from keras_similarity.layers import ArcFace, MetricEmbedding
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = [pytest.mark.training, pytest.mark.slow]  # models that JAX compiles for seconds

LABELS = np.arange(20) % 4


def model_of(**options):
    keras.utils.set_random_seed(4)
    inputs = keras.Input((6, 6, 1))
    hidden = layers.BatchNormalization()(layers.Conv2D(8, 3)(inputs))
    backbone = keras.Model(inputs, layers.Dropout(0.5)(layers.ReLU()(hidden)))
    return from_backbone(backbone, 3, preprocessing="unit", trainable="frozen", **options)


def counted(cache):
    """Let the frozen part say how many rows it is given."""
    rows, real = [], cache.frozen.predict_on_batch
    cache.frozen.predict_on_batch = lambda batch: rows.append(len(batch)) or real(batch)
    return rows


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (20, 6, 6, 1)).astype(np.uint8)


def test_each_row_is_computed_once__in_any_order_and_number(images):
    cache = FrozenCache(model_of())
    computed = counted(cache)
    features = cache.features(images[:16])
    assert (features.shape, len(cache), computed) == ((16, 8), 16, [16])
    again = cache.features(images[[3, 3, 17, 0]])
    assert computed == [16, 1]
    assert np.array_equal(again[[0, 1, 3]], features[[3, 3, 0]])
    assert cache.features(images[:0]).shape == (0, 8)


@pytest.mark.slow
def test_the_head_trained_on_features_is_the_model(images, tmp_path):
    model = model_of()
    before = model.embed(images)
    cache = FrozenCache(model)
    features = cache.features(images)
    assert type(cache.head) is SimilarityModel
    np.testing.assert_allclose(cache.head.embed(features), before, atol=1e-6)
    cache.head.compile("adam", loss=MultiSimilarityLoss())
    cache.head.fit(MultiShotMemorySampler(features, LABELS, 4, 4, seed=0), epochs=3, verbose=0)
    after = model.embed(images)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, cache.head.embed(features), atol=1e-6)
    model.save(tmp_path / "joined.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "joined.keras").embed(images), after, atol=1e-6)


@pytest.mark.slow
def test_training_the_head_on_features_is_training_the_model_on_images(images):
    """Same weights, same batches, same steps: dropout and batch statistics of the frozen part do not count."""
    slow, fast = model_of(), model_of()
    cache, start = FrozenCache(fast), fast.embed(images)
    for model, x in ((slow, images), (cache.head, cache.features(images))):
        model.compile(keras.optimizers.SGD(0.1), loss=MultiSimilarityLoss())
        model.fit(MultiShotMemorySampler(x, LABELS, 4, 4, seed=0), epochs=2, shuffle=False, verbose=0)
    moved = np.abs(slow.embed(images) - start).max()
    assert moved > 1e-3
    np.testing.assert_allclose(fast.embed(images), slow.embed(images), atol=moved / 500)


@pytest.mark.slow
def test_a_class_head_is_part_of_what_trains(images):
    head = ArcFace(4)
    cache = FrozenCache(model_of(head=head))
    start = head.class_weights.numpy()
    cache.head.compile("adam", loss=head.loss())
    cache.head.fit(cache.features(images), LABELS, verbose=0)
    assert (head.class_weights.numpy() != start).any()


def add_noise(rows, *, seed):
    return rows + np.random.default_rng(seed).normal(size=rows.shape)


@pytest.mark.slow
def test_views_are_random_seeded_and_computed_once_a_row(images):
    cache = FrozenCache(model_of())
    computed = counted(cache)
    views = cache.views(images[:4], add_noise, 3, seed=7)
    assert views.shape == (4, 3, 8)
    assert len({row.tobytes() for row in views.reshape(12, 8)}) == 12
    more = cache.views(images[[9, 2]], add_noise, 4, seed=7)
    assert np.array_equal(more[1, :3], views[2])
    assert sum(computed) == 16 + 8  # each batch padded to a power of two: 12 of the first, 4 + 1 of the second
    alone = FrozenCache(model_of()).views(images[2:3], add_noise, 3, seed=7)
    np.testing.assert_allclose(alone[0], views[2], atol=1e-6)
    assert (cache.views(images[:4], add_noise, 3, seed=8) != views).any()


@pytest.mark.slow
def test_a_file_keeps_the_features__for_the_same_backbone_alone(images, tmp_path):
    model, path = model_of(), tmp_path / "features.npz"
    cache = FrozenCache(model, path=path)
    features = cache.features(images)
    cache.save()
    assert [file.name for file in tmp_path.iterdir()] == ["features.npz"]
    again = FrozenCache(model_of(), path=path)
    computed = counted(again)
    assert np.array_equal(again.features(images), features)
    assert computed == []
    other = model_of()
    other.layers[2].backbone.set_weights([weight + 1 for weight in other.layers[2].backbone.get_weights()])
    with pytest.raises(ValueError, match=r"features\.npz holds what another backbone returned"):
        FrozenCache(other, path=path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"features\.npz is no cache of features"):
        FrozenCache(model_of(), path=path)


def test_a_file_that_could_not_be_written__leaves_the_former_one_alone(images, tmp_path, monkeypatch):
    cache = FrozenCache(model_of(), path=tmp_path / "features.npz")
    cache.features(images[:4])
    cache.save()
    before = (tmp_path / "features.npz").read_bytes()

    def savez(file, **arrays):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="no space left"):
        cache.save()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("features.npz", before)]


def test_a_model_that_cannot_be_split__is_told_why():
    inputs = keras.Input((4,))
    frozen = layers.Dense(4, trainable=False)
    with pytest.raises(ValueError, match="nothing left to train"):
        FrozenCache(SimilarityModel(inputs, frozen(inputs)))
    with pytest.raises(ValueError, match="no frozen part: its layer 'mine' trains"):
        FrozenCache(SimilarityModel(inputs, frozen(layers.Dense(4, name="mine")(inputs))))
    branched = layers.Add()([frozen(inputs), inputs])
    with pytest.raises(ValueError, match="stand one behind the other"):
        FrozenCache(SimilarityModel(inputs, MetricEmbedding(2)(branched)))
    with pytest.raises(ValueError, match="stand one behind the other"):
        FrozenCache(lambda x: x)
    with pytest.raises(ValueError, match=r"`save\(\)` needs a path"):
        FrozenCache(model_of()).save()
