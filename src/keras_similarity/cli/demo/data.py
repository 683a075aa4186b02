"""The demo's data: images `(n, h, w, c)` of 0–1 and their labels, from a name or a folder."""

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.cli.image_folder import tell_left_out
from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_folder import images_by_class
from keras_similarity.embed.images import read_images
from keras_similarity.errors import DataUnavailableError

__all__ = ["load_images"]

Images = NDArray[np.float32]
FOLDER_SIZE = 24  # pixels a side that images of a folder are scaled to
MOST_PER_CLASS = 400  # the demo takes a minute, whatever it is given


def load_images(name: str, *, seed: int) -> tuple[Images, list[Any], str]:
    """Return images, labels and a line that says what they are.

    Args:
        name: "digits", "mnist", "fashion_mnist", or a folder with a subfolder of images per class.
        seed: Of the choice of at most 400 images a class.

    Raises:
        DataUnavailableError: the data are not on this machine.
        ValueError: neither a known name nor a folder of images.
    """
    if name == "digits":
        images, labels, what = _digits()
    elif name in ("mnist", "fashion_mnist"):
        images, labels = _mnist(name)
        what = f"{name}: {len(labels):,} images halved to 14 × 14 pixels, 10 classes"
    elif Path(name).is_dir():
        images, labels = _folder(Path(name))
        what = f"{name}: images scaled to {FOLDER_SIZE} × {FOLDER_SIZE} pixels"
    else:
        raise ValueError(
            f"`--data` must be digits, mnist, fashion_mnist or a folder of images: got {name!r}.\n"
            "  A folder holds one subfolder per class."
        )
    kept = _at_most(labels, MOST_PER_CLASS, np.random.default_rng(seed))
    return images[kept], [labels[row] for row in kept], what


def _digits() -> tuple[Images, list[int], str]:
    datasets = import_extra("sklearn.datasets", extra="data", purpose="the demo's default data")
    digits = datasets.load_digits()
    images = (digits.images / 16.0).astype(np.float32)[..., None]
    return (
        images,
        digits.target.tolist(),
        "scikit-learn's handwritten digits: 1,797 images of 8 × 8 pixels, 10 classes",
    )


def _mnist(name: str) -> tuple[Images, list[int]]:
    """Read the data from `KERAS_SIMILARITY_DATA` where it is set, else let Keras download them."""
    folder = os.environ.get("KERAS_SIMILARITY_DATA")
    if folder and name == "mnist" and Path(folder, "mnist").is_dir():
        raw_images = _idx(Path(folder, "mnist", "train-images-idx3-ubyte.gz"), 16).reshape(-1, 28, 28)
        raw_labels = _idx(Path(folder, "mnist", "train-labels-idx1-ubyte.gz"), 8)
    elif folder and Path(folder, "fashion_mnist_part1.npz").is_file() and name == "fashion_mnist":
        with np.load(Path(folder, "fashion_mnist_part1.npz"), allow_pickle=False) as part:
            raw_images, raw_labels = part["x_train"], part["y_train"]
    else:
        import keras

        try:
            (raw_images, raw_labels), _ = getattr(keras.datasets, name).load_data()
        except Exception as error:
            raise DataUnavailableError(
                f"{name} is not on this machine and could not be downloaded: {error}.\n"
                "  Use --data digits, which needs no network, or a folder of images."
            ) from error
    halved = raw_images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4), dtype=np.float32)
    return (halved / 255.0)[..., None], raw_labels.tolist()


def _idx(path: Path, header: int) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def _folder(folder: Path) -> tuple[Images, list[str]]:
    """Read the images of every subfolder, in colour, scaled to one size."""
    paths, labels = images_by_class(folder)
    tell_left_out(folder)
    if len(set(labels)) < 4:
        raise ValueError(
            f"`--data` needs a folder with images in at least 4 subfolders, one a class: "
            f"{folder} has {len(set(labels))}.\n  Two train, the others are held back."
        )
    images: Images = read_images(paths, (FOLDER_SIZE, FOLDER_SIZE, 3)).astype(np.float32)
    return images / np.float32(255), labels


def _at_most(labels: list[Any], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return rows with at most `most` of each class, in their original order."""
    seen: dict[Any, int] = {}
    kept: list[int] = []
    for row in rng.permutation(len(labels)).tolist():
        seen[labels[row]] = seen.get(labels[row], 0) + 1
        if seen[labels[row]] <= most:
            kept.append(row)
    return np.sort(np.array(kept, np.int64))
