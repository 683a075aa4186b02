"""Milliseconds of a training step over four devices of one CPU, with the whole batch compared and without: JSON."""

import json
import sys
import time

import jax
import keras
import numpy as np

import keras_similarity as ks
from keras_similarity.losses import multi_similarity

DEVICES = 4
WIDTH = 784
TURNS = 60


class OfEachDevice(keras.losses.Loss):
    """The loss that needs no gathering: each device compares its own rows, with fewer negatives."""

    def call(self, y_true, y_pred):
        parts = keras.ops.reshape(y_pred, (DEVICES, -1, y_pred.shape[-1]))
        return jax.vmap(multi_similarity)(keras.ops.reshape(y_true, (DEVICES, -1)), parts)


def compiled(loss):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((WIDTH,))
    hidden = keras.layers.Dense(512, activation="relu")(keras.layers.Dense(512, activation="relu")(inputs))
    model = keras.Model(inputs, ks.layers.MetricEmbedding(64)(hidden))
    model.compile("adam", loss=loss)
    return model


def main(batch):
    devices = keras.distribution.list_devices()
    assert len(devices) == DEVICES
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, WIDTH)).astype("float32"), np.repeat(np.arange(batch // 4), 4)
    models = {"ours": compiled(ks.losses.MultiSimilarityLoss()), "peer": compiled(OfEachDevice())}
    times = {name: [] for name in models}
    for turn in range(TURNS + 3):
        for name, model in models.items():
            started = time.perf_counter()
            model.train_on_batch(x, y)
            if turn >= 3:  # the first ones compile
                times[name].append(time.perf_counter() - started)
    ours, peer = (float(np.median(times[name])) * 1e3 for name in ("ours", "peer"))
    sys.stdout.write(json.dumps({"ours": ours / peer, "ours_ms": ours, "peer_ms": peer}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
