"""The rows and the models that bulk embedding is measured with."""

import time

import numpy as np

from keras_similarity.embed import Encoder

WIDTH = 256
DIM = 64
SHARD_ROWS = 4096
BATCH_SIZE = 1024


def rows_of(count):
    return np.random.default_rng(7).normal(size=(count, WIDTH)).astype("float32")


def slow_encoder():
    """An encoder without a framework, slow enough for a worker to be killed at its work."""

    def call(batch):
        time.sleep(0.02)
        return batch[:, :DIM]

    return Encoder(call, "vector", (WIDTH,), DIM, "first numbers")


def keras_model():
    import keras

    from keras_similarity import SimilarityModel
    from keras_similarity.layers import MetricEmbedding

    keras.utils.set_random_seed(7)
    inputs = keras.Input((WIDTH,))
    hidden = inputs
    for _ in range(3):
        hidden = keras.layers.Dense(1024, activation="relu")(hidden)
    return SimilarityModel(inputs, MetricEmbedding(DIM)(hidden))
