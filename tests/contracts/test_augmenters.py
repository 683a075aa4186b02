"""What every augmentation promises. One added to `keras_similarity.augment` is tested by itself."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity import SimilarityModel, augment
from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import TripletLoss
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.training

PUBLIC = {name: getattr(augment, name) for name in augment.__all__}
ABSTRACT = {"ImageTransform"}
ARGUMENTS = {
    "Augmenter": {"views": [[augment.HorizontalFlip(), augment.ColorJitter()], [augment.RandomResizedCrop(6)]]},
    "MultiCropAugmenter": {"large": 8, "small": 4, "num_small": 2},
    "BarlowAugmenter": {"height": 6, "width": 8},
}
each = pytest.mark.parametrize("name", sorted(PUBLIC.keys() - ABSTRACT))


def made(name, **options):
    """Build one; a single change is made of every image, so that a test sees it."""
    always = {"probability": 1.0} if inspect.isclass(PUBLIC[name]) and name != "Augmenter" else {}
    return PUBLIC[name](**{**ARGUMENTS.get(name, {}), **always, "seed": 3, **options})


def views_of(result):
    return [np.asarray(ops.convert_to_numpy(view)) for view in (result if isinstance(result, tuple) else (result,))]


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)


@each
def test_arrays_come_back_as_float32_arrays_in_their_range(name, images):
    augmenter = made(name)
    shapes = augmenter.compute_output_shape(images.shape)
    views = augmenter(images)
    views = views if isinstance(views, tuple) else (views,)
    assert [view.shape for view in views] == list(shapes if isinstance(shapes[0], tuple) else [shapes])
    for view in views:
        assert type(view) is np.ndarray
        assert view.dtype == np.float32
        assert view.min() >= -1e-3
        assert view.max() <= 255.001
    assert any(view.shape != images.shape or np.abs(view - images).max() > 1 for view in views)


@each
def test_the_same_seed_gives_the_same_and_another_does_not(name, images):
    first, again, other = (views_of(made(name)(images, seed=seed)) for seed in ((1, 2), (1, 2), (1, 3)))
    assert all(map(np.array_equal, first, again))
    if name not in ("Grayscale", "HorizontalFlip", "Solarize"):  # certain, when their probability is 1
        assert not all(map(np.array_equal, first, other))


@each
def test_without_a_seed__a_batch_decides_and_comes_otherwise_the_second_time(name, images):
    left, right, other = made(name), made(name), images[::-1].copy()
    first = views_of(left(images))
    assert all(map(np.array_equal, first, views_of((right(other), right(images))[1])))
    if name not in ("Grayscale", "HorizontalFlip", "Solarize"):
        assert not all(map(np.array_equal, first, views_of(left(images))))


@each
def test_each_image_has_its_own_randomness(name, images):
    same = np.repeat(images[:1], 6, axis=0)
    augmenter = made(name)
    if name in ("GaussianBlur", "ColorJitter", "RandomResizedCrop", "RandAugment"):
        assert len({row.tobytes() for row in augmenter(same)}) > 2
    else:
        draws = np.random.default_rng(0).random((6, augmenter.count_draws()), np.float32)
        whole = views_of(augmenter.augmented(np, images / np.float32(255), draws))
        alone = views_of(augmenter.augmented(np, images[4:5] / np.float32(255), draws[4:5]))
        for view, one in zip(whole, alone, strict=True):
            np.testing.assert_allclose(view[4:5], one, atol=1e-5)


@pytest.mark.slow
@each
def test_tensors_and_arrays_are_changed_by_the_same_definition(name, images):
    augmenter = made(name)
    scaled = images / np.float32(255)
    draws = np.random.default_rng(1).random((6, augmenter.count_draws()), np.float32)
    expected = views_of(augmenter.augmented(np, scaled, draws))
    tensors = augmenter.augmented(ops, ops.convert_to_tensor(scaled), ops.convert_to_tensor(draws))
    for view, other in zip(expected, views_of(tensors), strict=True):
        np.testing.assert_allclose(other, view, atol=2e-4)


@each
def test_outside_training_only_the_size_changes(name, images):
    options = {"eval_crop_proportion": 1.0} if name == "SimCLRAugmenter" else {}
    augmenter = made(name, **options)
    for resting in (augmenter(images, training=False), augmenter(ops.convert_to_tensor(images), training=False)):
        for view in views_of(resting):
            assert view.shape != images.shape or np.abs(view - images).max() < 1e-3


@each
def test_a_range_of_0_to_1_is_0_to_255_scaled(name, images):
    wide, narrow = made(name), made(name, value_range=(0, 1))
    scaled = views_of(narrow(images / 255.0, seed=5))
    for view, other in zip(views_of(wide(images, seed=5)), scaled, strict=True):
        np.testing.assert_allclose(other * 255, view, atol=0.05)


@each
def test_config_round_trip(name, images):
    augmenter = made(name)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(augmenter))
    assert again.get_config() == augmenter.get_config()
    assert all(map(np.array_equal, views_of(again(images, seed=1)), views_of(augmenter(images, seed=1))))


@each
def test_images_of_one_channel(name, images):
    for view in views_of(made(name)(images[..., :1])):
        assert view.shape[-1] == 1


@each
def test_what_are_no_images__are_named(name, images):
    for bad in (images[0], images[..., :2]):
        with pytest.raises(ValueError, match=r"images need shape \(b, h, w, c\)"):
            made(name)(bad)
    with pytest.raises(ValueError, match=r"`value_range\[1\]` must be above 255: got 0"):
        made(name, value_range=(255, 0))


@pytest.mark.slow
@each
def test_in_a_model_it_works_in_training_alone__and_in_a_file(name, images, tmp_path):
    inputs = keras.Input((8, 8, 3))
    views = made(name)(inputs)
    pool, embed = keras.layers.GlobalAveragePooling2D(), MetricEmbedding(4, normalize=False)
    outputs = [embed(pool(view)) for view in (views if isinstance(views, tuple | list) else [views])]
    model = SimilarityModel(inputs, outputs[0] if len(outputs) == 1 else keras.layers.Average()(outputs))
    model.compile("sgd", loss=TripletLoss(distance="euclidean"))
    assert np.isfinite(model.fit(images, np.arange(6) % 2, batch_size=6, verbose=0).history["loss"]).all()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.embed(images), model.embed(images), atol=1e-5)
    assert np.array_equal(model.embed(images), model.embed(images))


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}])
def test_in_a_sampler_batches_do_not_depend_on_the_workers(options, rng):
    images, labels = rng.random((30, 8, 8, 3)) * 255, np.repeat(np.arange(3), 10)

    def batches(**how):
        augmenter = augment.SimCLRAugmenter(views=1, seed=1)
        sampler = MultiShotMemorySampler(images, labels, 2, 2, augmenter=augmenter, steps_per_epoch=4, seed=0, **how)
        order = range(3, -1, -1) if how["workers"] else range(4)
        return {index: sampler[index][0] for index in order}

    alone, others = batches(workers=0), batches(**options)
    assert all(np.array_equal(alone[index], others[index]) for index in range(4))


def test_a_plain_function_is_an_augmenter_of_a_sampler(images):
    sampler = MultiShotMemorySampler(images, np.arange(6) % 2, augmenter=lambda x: x[:, ::-1], seed=0)
    plain = MultiShotMemorySampler(images, np.arange(6) % 2, seed=0)
    assert np.array_equal(sampler[0][0], plain[0][0][:, ::-1])
