"""A table: 18 measures of the outline of 846 toy vehicles of four kinds."""

import os
from pathlib import Path

import keras
import numpy as np
from quality.sets import Task

import keras_similarity as ks
from keras_similarity.evaluate import evaluate_embeddings

TRAIN, STEPS = 560, 300
FOLDER = Path(os.environ.get("KERAS_SIMILARITY_DATA", "."))


def task():
    """Rows of the test look among those of training; which are which is drawn once."""
    with np.load(FOLDER / "vehicle_silhouettes.npz") as file:
        x, y = file["x"], file["y"]
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:TRAIN], order[TRAIN:]
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)

    def build():
        model = ks.architectures.TabularSim(x[train], 16)
        model.compile(keras.optimizers.Adam(3e-3), loss=ks.losses.MultiSimilarityLoss())
        return model

    def fit(model, seed):
        sampler = ks.samplers.MultiShotMemorySampler(
            model.prepare(x[train]), y[train], 4, 16, steps_per_epoch=STEPS, seed=seed
        )
        model.fit(sampler, verbose=0)

    def score(embed):
        rows = embed(x)
        report = evaluate_embeddings(rows[test], y[test], rows[train], y[train], metrics=["recall@1", "map@r"])
        return {"test": report.mean()}

    def standardized(rows):
        return (rows - mean) / deviation

    return Task(
        "dense 64-64", 16, "multi_similarity", build, fit, score, standardized, x.shape[1], "standardized columns"
    )
