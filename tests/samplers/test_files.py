"""Files of images: what any camera, scanner or web site puts into them, and what is no image at all."""

import logging

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from keras_similarity.samplers import MultiShotFileSampler, from_data_frame, from_directory, load_image

GRADIENT = np.linspace(0, 255, 16 * 24 * 3).reshape(16, 24, 3).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, rng):
    """Three classes of six images, of one size."""
    for label in ("cat", "dog", "owl"):
        for number in range(6):
            path = tmp_path / label / "deeper" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)).save(path)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"")
    return tmp_path


def save(path, mode, **options):
    Image.fromarray(GRADIENT).convert(mode).save(path, **options)
    return path


def test_plain_image__is_its_pixels(tmp_path):
    assert np.array_equal(load_image(save(tmp_path / "a.png", "RGB")), GRADIENT)


@pytest.mark.parametrize(("color_mode", "channels"), [("rgb", 3), ("grayscale", 1), ("rgba", 4)])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA", "CMYK"])
def test_every_kind_of_pixel__becomes_what_is_asked_for(tmp_path, mode, color_mode, channels):
    suffix = "tif" if mode == "CMYK" else "png"
    pixels = load_image(save(tmp_path / f"a.{suffix}", mode), (8, 6), color_mode=color_mode)
    assert (pixels.shape, pixels.dtype) == ((8, 6, channels), np.uint8)


def test_sixteen_bits__are_scaled_and_not_cut_off(tmp_path):
    values = np.linspace(0, 65535, 12 * 10).reshape(12, 10).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    pixels = load_image(tmp_path / "deep.png", color_mode="grayscale")
    assert np.array_equal(pixels[:, :, 0], values >> 8)
    assert np.array_equal(load_image(tmp_path / "deep.png")[:, :, 2], values >> 8)


def test_camera_orientation__is_applied__before_the_size(tmp_path):
    upright = np.zeros((32, 16, 3), np.uint8)
    upright[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn by 90 degrees to the right
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    for size in (None, (16, 8)):
        pixels = load_image(tmp_path / "turned.jpg", size)
        assert pixels.shape == ((32, 16, 3) if size is None else (16, 8, 3))
        assert pixels[: pixels.shape[0] // 8].mean() > 200
        assert pixels[pixels.shape[0] // 2 :].mean() < 50


def test_transparent_pixels__are_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[0] = 10, 20, 30, 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    loaded = load_image(tmp_path / "a.png")
    assert loaded[0, 0].tolist() == [10, 20, 30]
    assert (loaded[1:] == 255).all()


def test_large_jpeg__is_near_what_a_full_decode_gives(tmp_path, rng):
    smooth = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    smooth.save(tmp_path / "a.jpg", quality=95)
    whole = np.asarray(Image.open(tmp_path / "a.jpg").resize((224, 224), Image.Resampling.BILINEAR)).astype(float)
    assert np.abs(load_image(tmp_path / "a.jpg", (224, 224)) - whole).mean() < 2


def test_crop_to_aspect_ratio__keeps_the_middle(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert (load_image(tmp_path / "a.png", (10, 10), crop_to_aspect_ratio=True) == 200).all()
    assert load_image(tmp_path / "a.png", (10, 10)).min() == 0


def test_from_directory__a_class_is_a_subfolder(folder):
    sampler = from_directory(folder, 3, examples_per_class_per_batch=3, seed=0, workers=2)
    assert sampler.num_examples == 18
    assert sampler.vocabulary.labels == ["cat", "dog", "owl"]
    assert sampler.example_shape == (8, 10, 3)
    x, y = sampler.get_slice(6, 1)
    assert np.array_equal(x[0], np.asarray(Image.open(folder / "dog" / "deeper" / "0.png")))
    assert y == ["dog"]


def test_from_data_frame__takes_paths_from_a_root(folder):
    frame = pd.DataFrame({"file": ["cat/deeper/0.png", "dog/deeper/1.png"] * 2, "kind": ["c", "d"] * 2})
    sampler = from_data_frame(frame, "file", "kind", root=folder, examples_per_class_per_batch=1, seed=0)
    assert sampler.vocabulary.labels == ["c", "d"]
    assert np.array_equal(sampler.get_slice(1, 1)[0][0], load_image(folder / "dog" / "deeper" / "1.png"))


def test_corrupt_files__skipped__are_counted_and_named_and_the_batch_stays_whole(folder, caplog):
    truncated = folder / "cat" / "deeper" / "1.png"
    truncated.write_bytes(truncated.read_bytes()[:60])
    empty, noise = folder / "cat" / "deeper" / "2.png", folder / "dog" / "deeper" / "3.png"
    empty.write_bytes(b"")
    noise.write_bytes(b"these are no pixels")
    sampler, again = (from_directory(folder, 3, corrupt="skip", seed=1, workers=workers) for workers in (1, 2))
    with caplog.at_level(logging.WARNING):
        for index in range(len(sampler)):
            x, codes = sampler[index]
            assert np.bincount(codes).tolist() == [2, 2, 2]
            assert np.array_equal(x, again[index][0])
    assert set(sampler.corrupt_files) == {str(truncated), str(empty), str(noise)}
    assert caplog.text.count("cannot be read and is replaced") == 6


def test_a_class_without_a_readable_file__is_an_error(folder):
    for path in (folder / "owl" / "deeper").iterdir():
        path.write_bytes(b"nothing")
    sampler = from_directory(folder, 3, corrupt="skip", seed=1)
    with pytest.raises(OSError, match=r"none of the 6 of the class of .*owl"):
        sampler[0]


def test_corrupt_file__raised__is_named(folder):
    (folder / "owl" / "deeper" / "1.png").write_bytes(b"nothing")
    sampler = from_directory(folder, 3, examples_per_class_per_batch=6)
    with pytest.raises(OSError, match=r"an example must be readable: .*owl/deeper/1.png is not"):
        sampler[0]


def test_zero_bytes__are_found_at_once(folder):
    (folder / "owl" / "deeper" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"owl/deeper/1.png is empty \(1 such files\)"):
        from_directory(folder)


def test_unequal_sizes_without_a_target__names_two_files(folder):
    Image.fromarray(GRADIENT).save(folder / "cat" / "deeper" / "0.png")
    sampler = from_directory(folder, 3, examples_per_class_per_batch=6)
    with pytest.raises(
        ValueError, match=r"examples of one shape: .*png has \(.*\), .*png has \(.*\).\n  Pass `target_size"
    ):
        sampler[0]
    assert from_directory(folder, 3, target_size=(8, 8))[0][0].shape == (6, 8, 8, 3)


def test_bad_folders__say_which(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(ValueError, match="needs a subfolder of images for each class"):
        from_directory(empty)
    with pytest.raises(FileNotFoundError, match="`directory` must be a folder"):
        from_directory(empty / "nowhere")
    (empty / "only").mkdir()
    Image.fromarray(GRADIENT).save(empty / "only" / "a.png")
    with pytest.raises(ValueError, match=r"the data have 1 class: \['only'\]"):
        from_directory(empty)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"path": ["a"], "label": [None]}, "`label` needs a label for every example: row 0 has none"),
        ({"path": ["a", "b"], "label": [1.0, np.nan]}, "`label` needs a label for every example: row 1 has none"),
        ({"file": ["a"], "label": [1]}, r"`path` must be one of the columns \['file', 'label'\]"),
    ],
)
def test_bad_data_frames__name_row_or_column(frame, message):
    with pytest.raises(ValueError, match=message):
        from_data_frame(pd.DataFrame(frame))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corrupt": "ignore"}, "`corrupt` must be one of 'raise', 'skip'"),
        ({"load_example_fn": np.load, "target_size": (2, 2)}, "`target_size` is for `load_image`"),
        ({"y": ["a"]}, "`y` needs one entry per row of `x`"),
    ],
)
def test_bad_arguments__are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiShotFileSampler(**({"x": ["1", "2"], "y": ["a", "b"]} | arguments))
