"""The demo's task: find the class of a rotated, shifted, noisy image among clean ones, for classes never trained on.

Raw pixels cannot do it, since a shifted image shares few pixels with its like; an embedding can learn to.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.models import SimilarityModel
from keras_similarity.samplers import MultiShotMemorySampler

__all__ = ["Split", "build_model", "distort", "make_sampler", "split_classes"]

ROTATION = 20.0  # degrees, either way
SHIFT = 0.25  # of the side, either way
NOISE = 0.1  # standard deviation, of a range of 0–1
HELD_BACK = 0.3  # of the classes
GALLERY = 0.7  # of each class's images; the rest are queries
EMBEDDING_SIZE = 64
EXAMPLES_PER_CLASS = 8


@dataclass(frozen=True)
class Split:
    """Rows of images: what is indexed and what is asked, of the classes seen in training and of the others."""

    gallery: dict[str, NDArray[np.int64]]
    queries: dict[str, NDArray[np.int64]]
    classes: dict[str, list[Any]]


def split_classes(labels: list[Any], *, seed: int) -> Split:
    """Hold three classes in ten back from training, and three images in ten of every class as queries."""
    rng = np.random.default_rng(seed)
    classes = sorted(set(labels))
    held_back = set(rng.choice(len(classes), max(2, round(HELD_BACK * len(classes))), replace=False).tolist())
    gallery: dict[str, list[int]] = {"seen": [], "unseen": []}
    queries: dict[str, list[int]] = {"seen": [], "unseen": []}
    names: dict[str, list[Any]] = {"seen": [], "unseen": []}
    array = np.array([classes.index(label) for label in labels])
    for code, label in enumerate(classes):
        group = "unseen" if code in held_back else "seen"
        rows = rng.permutation(np.flatnonzero(array == code)).tolist()
        cut = round(GALLERY * len(rows))
        gallery[group] += rows[:cut]
        queries[group] += rows[cut:]
        names[group].append(label)
    return Split(
        {group: np.array(rows) for group, rows in gallery.items()},
        {group: np.array(rows) for group, rows in queries.items()},
        names,
    )


def frame(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put an empty border around images, so that a shift cuts nothing off."""
    border = round(SHIFT * images.shape[1])
    return np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))


def distort(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return each framed image rotated, shifted and with noise on it: what a query looks like."""
    count, height, width, _ = images.shape
    turn = np.deg2rad(rng.uniform(-ROTATION, ROTATION, (count, 1, 1)))
    reach = SHIFT / (1 + 2 * SHIFT)
    down, right = (rng.uniform(-reach, reach, (count, 1, 1)) * side for side in (height, width))
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    source_y = np.cos(turn) * (y - down) - np.sin(turn) * (x - right) + (height - 1) / 2
    source_x = np.sin(turn) * (y - down) + np.cos(turn) * (x - right) + (width - 1) / 2
    moved = _sampled(images, source_y, source_x)
    return (moved + rng.normal(0, NOISE, moved.shape)).clip(0, 1).astype(np.float32)


def _sampled(images: NDArray[np.float32], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read images at positions between pixels, each the weighted mean of the four around it; 0 outside."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y, x = (np.clip(axis + 1, 0, side - 1.001) for axis, side in zip((y, x), padded.shape[1:3], strict=True))
    top, left = y.astype(np.intp), x.astype(np.intp)
    below, beside = (y - top)[..., None], (x - left)[..., None]
    image = np.arange(len(images))[:, None, None]
    return (
        padded[image, top, left] * (1 - below) * (1 - beside)
        + padded[image, top, left + 1] * (1 - below) * beside
        + padded[image, top + 1, left] * below * (1 - beside)
        + padded[image, top + 1, left + 1] * below * beside
    )


def build_model(shape: tuple[int, int, int], *, seed: int) -> SimilarityModel:
    """A small convolutional encoder."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(shape)
    x = inputs
    for filters in (32, 64, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        if x.shape[1] > 4:
            x = layers.MaxPooling2D()(x)
    outputs = MetricEmbedding(EMBEDDING_SIZE)(layers.Flatten()(x))
    model = SimilarityModel(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), loss=MultiSimilarityLoss())
    return model


def make_sampler(images: NDArray[np.float32], labels: list[Any], *, seed: int, classes: int) -> MultiShotMemorySampler:
    """Batches of up to ten classes with eight examples each: half of them clean, as the gallery is, half distorted."""
    rng = np.random.default_rng(seed)

    def distort_half(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        batch[::2] = distort(batch[::2], rng)
        return batch

    return MultiShotMemorySampler(
        images,
        labels,
        classes_per_batch=min(10, classes),
        examples_per_class_per_batch=EXAMPLES_PER_CLASS,
        augmenter=distort_half,
        seed=seed,
    )
