"""Omniglot as an open set: 964 classes to train on, 659 that are never trained on."""

import os
from pathlib import Path

import numpy as np
from quality.framing import framed

import keras_similarity as ks


def load(*, background):
    """Images `(n, 28, 28, 1)`, ink 255, and the class of each, of the training classes or of the unseen ones."""
    with np.load(Path(os.environ["KERAS_SIMILARITY_DATA"], "omniglot_28.npz")) as data:
        chosen = data["is_background"][data["y"]] == background
        return data["x"][chosen][..., None], data["y"][chosen].astype(np.int32)


def alphabets():
    """The alphabet of each class, as a number `(1623,)`."""
    with np.load(Path(os.environ["KERAS_SIMILARITY_DATA"], "omniglot_28.npz")) as data:
        names = [name.split("/")[0] for name in data["class_names"].tolist()]
    return np.unique(names, return_inverse=True)[1]


def at_side(images, side, *, fill=False):
    """The images scaled to so many pixels a side, or their drawings."""
    if fill:
        return framed(images, side)
    if side == images.shape[1]:
        return images
    scale = ks.augment.RandomResizedCrop(side)  # of which the middle, all of it, is what comes outside training
    parts = [scale(images[start : start + 4096], training=False) for start in range(0, len(images), 4096)]
    return np.rint(np.concatenate(parts)).astype(np.uint8)


def with_quarter_turns(images, labels):
    """Each class four times: as it is, and turned by 90, 180 and 270 degrees, as further classes."""
    turned = np.concatenate([np.rot90(images, turn, axes=(1, 2)) for turn in range(4)])
    return turned, np.concatenate([4 * labels + turn for turn in range(4)])
