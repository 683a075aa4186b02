import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as image

import keras_similarity
from keras_similarity.cli.demo.data import load_images
from keras_similarity.errors import DataUnavailableError

COMMAND = Path(sys.executable).with_name("keras-similarity")


def run(*arguments, **kwargs):
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, **kwargs)


def test_version():
    assert run("--version").stdout == f"keras-similarity {keras_similarity.__version__}\n"


def test_help_lists_the_commands_and_loads_nothing_heavy():
    assert "demo" in run("--help").stdout
    code = "import sys, keras_similarity.cli; sys.exit(bool({'keras', 'numpy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_option__is_usage_and_exits_2():
    done = run("demo", "--dat", "digits")
    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "cifar"], "`--data` must be digits, mnist, fashion_mnist or a folder of images: got 'cifar'"),
        (["--backend", "mxnet"], "that package is not installed"),
    ],
)
def test_demo__bad_input__is_one_message_on_stderr_and_exit_1(arguments, message, tmp_path):
    done = run("demo", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_load_images__folder__reads_every_mode_and_scales(tmp_path, rng):
    for label in ("ant", "bee", "cat", "dog"):
        (tmp_path / label).mkdir()
        for mode in ("RGB", "L", "RGBA", "P", "CMYK", "1"):
            picture = image.fromarray(rng.integers(0, 255, (30, 20, 3), dtype="uint8"))
            suffix = "tiff" if mode == "CMYK" else "png"
            picture.convert(mode).save(tmp_path / label / f"{mode}.{suffix}")
    (tmp_path / "ant" / "notes.txt").write_text("not an image")
    images, labels, what = load_images(str(tmp_path), seed=0)
    assert images.shape == (24, 24, 24, 3)
    assert (images.min() >= 0, images.max() <= 1) == (True, True)
    assert sorted(set(labels)) == ["ant", "bee", "cat", "dog"]
    assert str(tmp_path) in what
    (tmp_path / "bee" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(ValueError, match=r"broken\.png is no readable image"):
        load_images(str(tmp_path), seed=0)


def test_load_images__folder_of_few_classes__says_how_many(tmp_path):
    with pytest.raises(ValueError, match=r"in at least 4 subfolders, one a class: .* has 0"):
        load_images(str(tmp_path), seed=0)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_load_images__named_data__come_from_the_data_folder(name, data_folder, monkeypatch):
    monkeypatch.setenv("KERAS_SIMILARITY_DATA", str(data_folder))
    images, labels, _ = load_images(name, seed=3)
    assert images.shape == (4000, 14, 14, 1)
    assert sorted({labels.count(label) for label in set(labels)}) == [400]


def test_load_images__no_data_and_no_network__says_what_works(monkeypatch):
    import keras

    def fail():
        raise OSError("no network")

    monkeypatch.delenv("KERAS_SIMILARITY_DATA", raising=False)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(DataUnavailableError, match=r"no network.\n  Use --data digits"):
        load_images("mnist", seed=0)
