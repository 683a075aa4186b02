"""Fashion-MNIST as a closed set: ten kinds of clothes, the same in training and in the test."""

import os
from pathlib import Path

import keras
import numpy as np
from quality.encoders import NETWORKS
from quality.sets import Task, flat

import keras_similarity as ks
from keras_similarity.evaluate import evaluate_embeddings

STEPS = 600
FOLDER = Path(os.environ.get("KERAS_SIMILARITY_DATA", "."))


def load():
    """36,000 training images and their labels, and the 10,000 of the test."""
    with np.load(FOLDER / "fashion_mnist_part1.npz") as one, np.load(FOLDER / "fashion_mnist_part2.npz") as two:
        train, test = (one["x_train"], one["y_train"]), (two["x_test"], two["y_test"])
    return [(images.reshape(-1, 28, 28, 1), labels.astype(np.int32)) for images, labels in (train, test)]


def task():
    """The set as the other modules want it: each image of the test looks among the rest of them."""
    train, test = load()

    def build():
        model = ks.SimilarityModel(*NETWORKS["conv4"](64))
        model.compile(keras.optimizers.Adam(1e-3), loss=ks.losses.MultiSimilarityLoss())
        return model

    def fit(model, seed):
        model.fit(ks.samplers.MultiShotMemorySampler(*train, 8, 16, steps_per_epoch=STEPS, seed=seed), verbose=0)

    def score(embed):
        return {"test": evaluate_embeddings(embed(test[0]), test[1], metrics=["recall@1", "map@r"]).mean()}

    return Task("conv4", 64, "multi_similarity", build, fit, score, raw=flat, raw_dim=784)
