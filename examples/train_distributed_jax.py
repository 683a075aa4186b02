"""Train on all devices of this machine, on JAX: the loss compares the rows of the whole batch.

    python examples/train_distributed_jax.py
    python examples/train_distributed_jax.py --tiny --cpus 4     without accelerators: four devices made of one CPU

It needs scikit-learn for its images: pip install 'keras-similarity[jax,data]'
"""

import argparse
import os

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
parser.add_argument("--cpus", type=int, help="make so many devices of the CPU")
options = parser.parse_args()
os.environ["KERAS_BACKEND"] = "jax"
if options.cpus:
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={options.cpus}"

# ruff: noqa: E402  the environment comes before JAX reads it
import keras
from sklearn.datasets import load_digits

import keras_similarity as ks

devices = keras.distribution.list_devices()
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))

digits = load_digits()
x, y = digits.images[..., None].astype("float32") / 16, digits.target
# 8 classes of 8 images: a batch of 64, which the number of devices must divide.
sampler = ks.samplers.MultiShotMemorySampler(
    x[:1000], y[:1000], 8, 8, steps_per_epoch=10 if options.tiny else 100, seed=1
)

inputs = keras.Input((8, 8, 1))
hidden = keras.layers.Conv2D(32, 3, activation="relu")(inputs)
outputs = ks.layers.MetricEmbedding(32)(keras.layers.Flatten()(hidden))
model = ks.SimilarityModel(inputs, outputs)
model.compile("adam", loss=ks.losses.MultiSimilarityLoss())
history = model.fit(sampler, epochs=1 if options.tiny else 5, verbose=0)

# One device is enough to search.
keras.distribution.set_distribution(None)
model.index(x[1000:1400], y=y[1000:1400])
recall = model.evaluate_retrieval(x[1400:], y[1400:], ["recall@1"])["recall@1"]
print(f"{len(devices)} devices, last loss {history.history['loss'][-1]:.3f}, recall@1 {recall:.3f}")
