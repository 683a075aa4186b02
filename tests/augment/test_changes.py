"""Each change of an image against its definition, one pixel at a time."""

import colorsys

import numpy as np
import pytest

from keras_similarity.augment import (
    Augmenter,
    BarlowAugmenter,
    ColorJitter,
    GaussianBlur,
    Grayscale,
    HorizontalFlip,
    MultiCropAugmenter,
    RandAugment,
    RandomResizedCrop,
    SimCLRAugmenter,
    Solarize,
)
from keras_similarity.augment.rand_augment import CHANGES
from keras_similarity.augment.resampling import blur_weights, box_weights, resampled, warped


@pytest.fixture
def images(rng):
    return rng.random((5, 6, 7, 3)).astype(np.float32)


def test_a_box_on_pixels_is_the_pixels_in_it(images):
    rows = box_weights(np, np.full(5, 1.0, np.float32), np.full(5, 4.0, np.float32), 6, 4)
    columns = box_weights(np, np.full(5, 2.0, np.float32), np.full(5, 3.0, np.float32), 7, 3)
    np.testing.assert_allclose(resampled(np, images, rows, columns), images[:, 1:5, 2:5], atol=1e-6)


def test_a_row_twice_as_long_is_interpolated_and_half_as_long_is_averaged():
    one = np.ones(1, np.float32)
    row = np.array([0.0, 1.0, 3.0, 5.0], np.float32).reshape(1, 1, 4, 1)
    longer = resampled(np, row, np.ones((1, 1, 1), np.float32), box_weights(np, 0 * one, 4 * one, 4, 8))
    np.testing.assert_allclose(longer.ravel(), [0, 0.25, 0.75, 1.5, 2.5, 3.5, 4.5, 5], atol=1e-6)
    shorter = resampled(np, row, np.ones((1, 1, 1), np.float32), box_weights(np, 0 * one, 4 * one, 4, 2))
    # Triangles two pixels wide to each side, around 0.5 and 2.5: weights 3, 3, 1 and 1, 3, 3.
    np.testing.assert_allclose(shorter.ravel(), [(0 * 3 + 1 * 3 + 3) / 7, (1 + 3 * 3 + 5 * 3) / 7], atol=1e-6)


def test_blur_is_the_gaussian_within_its_radius():
    weights = blur_weights(np, np.array([1.5], np.float32), 7, 2)[0]
    for place in range(7):
        bell = {other: np.exp(-((place - other) ** 2) / (2 * 1.5**2)) for other in range(7) if abs(place - other) <= 2}
        expected = [bell.get(other, 0) / sum(bell.values()) for other in range(7)]
        np.testing.assert_allclose(weights[place], expected, rtol=1e-5)


def test_crops_have_the_paper_s_areas_and_shapes_and_lie_within():
    crop = RandomResizedCrop(4, scale=(0.08, 1), ratio=(3 / 4, 4 / 3))
    boxes = []
    crop._cut = lambda xp, images, corners, sides: boxes.append((*corners, *sides))
    crop.change(np, np.zeros((4000, 80, 80, 1), np.float32), np.random.default_rng(0).random((4000, crop.draws)))
    top, left, height, width = boxes[0]
    assert min(top.min(), left.min()) >= 0
    assert (top + height).max() <= 80 + 1e-4
    assert (left + width).max() <= 80 + 1e-4
    area, ratio = height * width / 6400, width / height
    assert (area.min(), ratio.min(), ratio.max()) == pytest.approx((0.08, 3 / 4, 4 / 3), abs=0.01)
    # Of boxes that fit, small ones are as likely as they are in the range; large ones often do not fit.
    assert ((area > 0.1) & (area < 0.2)).sum() == pytest.approx(((area > 0.2) & (area < 0.3)).sum(), rel=0.2)
    assert np.log(ratio).mean() == pytest.approx(0, abs=0.03)


def test_grey_is_the_luma(images):
    grey = Grayscale(probability=1.0, value_range=(0, 1))(images)
    expected = images @ np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(grey, np.repeat(expected[..., None], 3, axis=-1), atol=1e-6)


def test_hue_turns_as_colorsys_does(images):
    jitter = ColorJitter(brightness=0, contrast=0, saturation=0, hue=0.3, probability=1.0)
    draws = np.random.default_rng(0).random((5, 7), np.float32)
    result = jitter.change(np, images, draws)
    for picture in range(5):
        turn = (2 * draws[picture, 6] - 1) * 0.3
        for pixel, changed in zip(images[picture].reshape(-1, 3), result[picture].reshape(-1, 3), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*pixel.tolist())
            np.testing.assert_allclose(changed, colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value), atol=1e-4)


def test_brightness_contrast_and_saturation_in_the_drawn_order__by_hand(images):
    jitter = ColorJitter(brightness=0.5, contrast=0.4, saturation=0.3, hue=0, probability=1.0)
    draws = np.random.default_rng(3).random((5, 7), np.float32)
    result = jitter.change(np, images, draws)
    assert len({tuple(np.argsort(row[3:6])) for row in draws}) > 2
    for picture, row in enumerate(draws):
        image = images[picture].astype(float)
        factors = [1 - strength + 2 * strength * draw for strength, draw in zip((0.5, 0.4, 0.3), row, strict=False)]
        for which in np.argsort(row[3:6]):
            grey = (image @ [0.299, 0.587, 0.114])[..., None]
            reference = (0.0, grey.mean(), grey)[which]
            image = np.clip(factors[which] * image + (1 - factors[which]) * reference, 0, 1)
        np.testing.assert_allclose(result[picture], image, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "share"),
    [(HorizontalFlip(seed=0), 0.5), (Grayscale(seed=0), 0.2), (Solarize(seed=0), 0.2), (ColorJitter(seed=0), 0.8)],
    ids=["flip", "grey", "solarize", "jitter"],
)
def test_the_probability_is_that_of_an_image__not_of_a_batch(change, share, rng):
    images = np.repeat((rng.random((1, 3, 4, 3)) * 255).astype(np.float32), 3000, axis=0)
    changed = (np.abs(change(images) - images).max(axis=(1, 2, 3)) > 1e-3).mean()
    assert changed == pytest.approx(share, abs=0.04)


def test_warp_by_whole_pixels_moves_pixels_and_shows_grey_outside(images):
    one, none = np.ones(5, np.float32), np.zeros(5, np.float32)
    moved = warped(np, images, (one, none, 2 * one, none, one, -1 * one))
    np.testing.assert_allclose(moved[:, 1:, :5], images[:, :-1, 2:], atol=1e-6)
    assert (moved[:, 0] == 0.5).all()
    assert (moved[:, :, 5:] == 0.5).all()
    square = images[:, :, :6]
    quarter = warped(np, square, (none, -one, none, one, none, none))
    np.testing.assert_allclose(quarter, np.rot90(square, axes=(1, 2)), atol=1e-6)


def change_named(name):
    return next(change for change in CHANGES if name in change.__name__)


def test_rand_augment_s_changes_of_colour__by_their_definitions(images):
    strength = np.full(5, 0.5, np.float32)
    bright = change_named("brightness")(np, images, -strength)
    np.testing.assert_allclose(bright, images * 0.55, atol=1e-6)
    solarized = change_named("solarize")(np, images, strength)
    np.testing.assert_allclose(solarized, np.where(images < 0.5, images, 1 - images), atol=1e-6)
    levels = change_named("posterize")(np, images, strength) * 255
    assert (np.abs(levels - 4 * np.round(levels / 4)) < 1e-3).all()  # 6 bits: steps of 4
    contrast = change_named("auto_contrast")(np, images * 0.5 + 0.2, strength)
    assert contrast.min(axis=(1, 2)) == pytest.approx(0, abs=1e-5)
    assert contrast.max(axis=(1, 2)) == pytest.approx(1, abs=1e-5)


def test_equalize_makes_the_values_even(rng):
    skewed = (rng.random((2, 40, 40, 3)) ** 4).astype(np.float32)
    even = change_named("equalize")(np, skewed, np.ones(2, np.float32))
    shares = np.histogram(even[0, ..., 0], bins=8, range=(0, 1))[0] / 1600
    np.testing.assert_allclose(shares, 1 / 8, atol=0.02)
    ranks = np.argsort(skewed[0, ..., 0].ravel())
    assert (np.diff(even[0, ..., 0].ravel()[ranks]) >= -1e-6).all()


def test_sharpness_at_its_least_is_a_mean_of_nine_that_counts_the_middle_five_times(images):
    smooth = change_named("sharpness")(np, images, np.full(5, -1 / 0.9, np.float32))
    around = images[0, 1:4, 2:5, 1].sum() + 4 * images[0, 2, 3, 1]
    assert smooth[0, 2, 3, 1] == pytest.approx(around / 13, rel=1e-5)
    np.testing.assert_allclose(smooth[:, 0], images[:, 0], atol=1e-6)


def test_rand_augment_at_magnitude_0_moves_and_colours_nothing(rng):
    images = rng.random((400, 6, 6, 3)).astype(np.float32)
    result = RandAugment(num_ops=1, magnitude=0, value_range=(0, 1), seed=0)(images)
    same = (np.abs(result - images).max(axis=(1, 2, 3)) < 5e-3).mean()
    assert same == pytest.approx(12 / 14, abs=0.06)  # auto-contrast and equalise have no strength


# TensorFlow Similarity's defects, one test each.


def test_upstream__asked_for_four_views_it_gives_four():
    images = np.zeros((2, 8, 8, 3), np.uint8)
    assert len(SimCLRAugmenter(views=4)(images)) == 4
    assert len(MultiCropAugmenter(8, 4)(images)) == 8
    assert len(Augmenter([[HorizontalFlip()]] * 5)(images)) == 5


def test_upstream__height_comes_before_width_everywhere():
    images = np.zeros((2, 12, 12, 3), np.uint8)
    for augmenter in (SimCLRAugmenter(6, 8), BarlowAugmenter(6, 8)):
        assert [view.shape for view in augmenter(images)] == [(2, 6, 8, 3)] * 2


@pytest.mark.parametrize("value_range", [(0, 255), (0, 1)])
def test_upstream__solarize_does_something_in_every_range(value_range):
    image = np.linspace(*value_range, 12).reshape(1, 2, 2, 3)
    result = Solarize(probability=1.0, value_range=value_range)(image)
    expected = np.where(image < value_range[1] / 2, image, value_range[1] - image)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_upstream__flip_of_one_half_flips_one_half():
    images = np.tile(np.array([0.0, 1.0]).reshape(1, 1, 2, 1), (4000, 1, 1, 1))
    flipped = HorizontalFlip(value_range=(0, 1), seed=1)(images)[:, 0, 0, 0] == 1
    assert flipped.mean() == pytest.approx(0.5, abs=0.03)


def test_upstream__strength_0_leaves_colours_alone_hue_too(images):
    still = ColorJitter(brightness=0, contrast=0, saturation=0, hue=0, probability=1.0, value_range=(0, 1))(images)
    np.testing.assert_allclose(still, images, atol=1e-6)


def test_upstream__a_crop_of_an_oblong_image_reaches_all_of_it():
    wide = np.zeros((300, 4, 40, 1), np.float32)
    wide[:, :, -4:] = 1.0
    seen = RandomResizedCrop(scale=(0.05, 0.3), value_range=(0, 1), seed=0)(wide)
    assert (seen.max(axis=(1, 2, 3)) > 0.5).mean() > 0.05


def test_upstream__scaled_images_are_not_divided_by_255_again(images):
    views = SimCLRAugmenter(views=1, value_range=(0, 1), seed=0)(images)
    assert views.max() > 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomResizedCrop(scale=(0.5, 0.2)), r"`scale\[1\]` must be at least 0.5: got 0.2"),
        (lambda: RandomResizedCrop(scale=(0, 1)), r"`scale\[0\]` must be above 0: got 0"),
        (lambda: RandomResizedCrop(0), "`size` must be a whole number of at least 1: got 0"),
        (lambda: ColorJitter(hue=0.6), r"`hue` must be at least 0 and at most 0\.5: got 0\.6"),
        (lambda: GaussianBlur(sigma=2.0), r"`sigma\[0\]` must be above 0: got None"),
        (lambda: Solarize(threshold=128), "`threshold` must be at least 0 and at most 1: got 128"),
        (lambda: HorizontalFlip(probability=2), "`probability` must be at least 0 and at most 1: got 2"),
        (lambda: RandAugment(magnitude=30), "`magnitude` must be at least 0 and at most 10: got 30"),
        (lambda: SimCLRAugmenter(8), "`height` and `width` come together: got 8 and None"),
        (lambda: SimCLRAugmenter(views=0), "`views` must be a whole number of at least 1: got 0"),
        (lambda: Augmenter([]), r"`views` needs a list of changes for each view: got \[\]"),
    ],
)
def test_a_setting_out_of_its_range__is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_plain_function_in_a_view__is_told_where_it_belongs():
    with pytest.raises(TypeError, match="A plain function is an augmenter by itself"):
        Augmenter([[lambda x: x]])


@pytest.mark.parametrize("seed", [-3, 1.5, "1"])
def test_a_seed_that_is_no_count__is_named(seed):
    with pytest.raises(ValueError, match="`seed` must be"):
        HorizontalFlip(seed=seed)


def test_training_by_its_place__is_training(images):
    layer = ColorJitter(probability=1.0, value_range=(0, 1), seed=1)
    np.testing.assert_allclose(layer(images, False), images, rtol=1e-5)
    assert not np.allclose(layer(images, True), images)
