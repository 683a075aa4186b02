"""A short training on Fashion-MNIST, and how well it finds images that it has not seen."""

from functools import lru_cache

import keras
import numpy as np

from keras_similarity import SimilarityModel
from keras_similarity.samplers import MultiShotMemorySampler


def recalls_before_and_after(folder, end, loss, searched=lambda model: model):
    """Return recall@1 of an untrained network, the same one in every call and on every backend, and of it trained.

    `end(hidden)` is the network's output, `searched(model)` the model that embeds.
    """
    x, y = _images(folder)
    keras.utils.set_random_seed(5)
    inputs = keras.Input((784,))
    model = SimilarityModel(inputs, end(keras.layers.Dense(128, activation="relu")(inputs)))
    rng = np.random.default_rng(0)  # each backend draws in its own way, and recall untrained differs by 0.1
    model.set_weights([rng.normal(size=w.shape) / len(w) ** 0.5 if w.ndim == 2 else w for w in model.get_weights()])
    model.compile(keras.optimizers.Adam(1e-3), loss=loss)

    def recall():
        encoder = searched(model)
        encoder.reset_index()
        encoder.index(x[3000:4000], y=y[3000:4000])
        return encoder.evaluate_retrieval(x[4000:], y[4000:], ["recall@1"])["recall@1"]

    before = recall()
    model.fit(MultiShotMemorySampler(x[:3000], y[:3000], 10, 8, steps_per_epoch=300, seed=1), verbose=0)
    return before, recall()


@lru_cache(maxsize=1)
def _images(folder):
    with np.load(folder / "fashion_mnist_part1.npz") as part:
        return part["x_train"][:8000].reshape(8000, -1) / np.float32(255), part["y_train"][:8000]
