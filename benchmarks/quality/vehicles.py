"""Photos of vehicles, 32 × 32, labelled by words of an image search: families, types, and types never trained on."""

import os
from itertools import combinations_with_replacement
from pathlib import Path

import keras
import numpy as np
from quality.sets import Task, flat

import keras_similarity as ks
from keras_similarity.evaluate import evaluate_embeddings

STEPS, DIM = 700, 64
FOLDER = Path(os.environ.get("KERAS_SIMILARITY_DATA", "."))
KINDS = ("compact_car", "motorcycle", "boat")  # of the data, the type closest to a sedan comes first
NEW = ("minibike", "speedboat", "pickup_truck", "taxi")  # indexed and looked up, and never trained on


def load():
    """Images `(n, 32, 32, 3)`, the type and the family of each, and whether it is for the test."""
    with np.load(FOLDER / "vehicles32.npz") as file:
        return file["x"], file["fine_names"][file["fine"]], file["family_names"][file["family"]], file["is_test"]


def task():
    """Photos of the test look among the training photos, all of which are indexed, those of the new types too."""
    images, types, families, is_test = load()
    train = ~is_test & ~np.isin(types, NEW)

    def build():
        hidden = inputs = keras.Input((32, 32, 3))
        hidden = keras.layers.Rescaling(1 / 255)(hidden)
        for filters in (32, 64, 128, 256):
            hidden = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(hidden)
            hidden = keras.layers.MaxPooling2D()(keras.layers.BatchNormalization(momentum=0.9)(hidden))
            hidden = keras.layers.ReLU()(hidden)
        hidden = keras.layers.GlobalAveragePooling2D()(hidden)
        model = ks.SimilarityModel(inputs, ks.layers.MetricEmbedding(DIM)(hidden))
        rate = keras.optimizers.schedules.CosineDecay(2e-3, STEPS)
        model.compile(keras.optimizers.Adam(rate), loss=ks.losses.SupConLoss())
        return model

    def fit(model, seed):
        changes = [ks.augment.RandomResizedCrop(scale=(0.5, 1)), ks.augment.HorizontalFlip()]
        augmenter = ks.augment.Augmenter([changes], value_range=(0, 255), seed=seed)
        sampler = ks.samplers.MultiShotMemorySampler(
            images[train], types[train], 16, 8, augmenter=augmenter, steps_per_epoch=STEPS, seed=seed
        )
        model.fit(sampler, verbose=0)

    def score(embed):
        rows = embed(images)
        new = is_test & np.isin(types, NEW)
        splits = {"families": (is_test, families), "types": (is_test, types), "new types": (new, types)}
        scores = {
            name: evaluate_embeddings(
                rows[queries],
                labels[queries],
                rows[~is_test],
                labels[~is_test],
                metrics=["recall@1", "map@r"],
            ).mean()
            for name, (queries, labels) in splits.items()
        }
        scores["types"]["distances"] = apart(rows[is_test], types[is_test], families[is_test])
        return scores

    return Task("conv 32-64-128-256", DIM, "supcon 0.1", build, fit, score, raw=flat, raw_dim=images[0].size)


def apart(rows, types, families):
    """The mean cosine distance of photos of each two kinds, which are types or families: {"sedan – boat": 0.9}."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    distances = 1 - unit @ unit.T
    np.fill_diagonal(distances, np.nan)
    members = {kind: (types == kind) | (families == kind) for kind in KINDS}
    return {
        f"{one} – {other}": float(np.nanmean(distances[np.ix_(members[one], members[other])]))
        for one, other in combinations_with_replacement(KINDS, 2)
    }
