"""Train on all GPUs of this machine, on TensorFlow: the loss gathers the rows of every replica.

    python examples/train_distributed_tensorflow.py
    python examples/train_distributed_tensorflow.py --tiny --cpus 2     without GPUs: two devices made of one CPU

It needs scikit-learn for its images: pip install 'keras-similarity[tensorflow,data]'
"""

import argparse
import os

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
parser.add_argument("--cpus", type=int, help="make so many devices of the CPU")
options = parser.parse_args()
os.environ["KERAS_BACKEND"] = "tensorflow"

# ruff: noqa: E402  the backend is chosen before Keras is imported
import keras
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_similarity as ks

if options.cpus:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * options.cpus)
strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(options.cpus)] if options.cpus else None)

digits = load_digits()
x, y = digits.images[..., None].astype("float32") / 16, digits.target
# 8 classes of 8 images: a batch of 64, split among the replicas.
sampler = ks.samplers.MultiShotMemorySampler(
    x[:1000], y[:1000], 8, 8, steps_per_epoch=10 if options.tiny else 100, seed=1
)

with strategy.scope():
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(32, 3, activation="relu")(inputs)
    outputs = ks.layers.MetricEmbedding(32)(keras.layers.Flatten()(hidden))
    model = ks.SimilarityModel(inputs, outputs)
    # XLA on GPUs has no place for the exchange between them.
    model.compile("adam", loss=ks.losses.MultiSimilarityLoss(), jit_compile=False)
history = model.fit(sampler, epochs=1 if options.tiny else 5, verbose=0)

model.index(x[1000:1400], y=y[1000:1400])
recall = model.evaluate_retrieval(x[1400:], y[1400:], ["recall@1"])["recall@1"]
count = strategy.num_replicas_in_sync
print(f"{count} devices, last loss {history.history['loss'][-1]:.3f}, recall@1 {recall:.3f}")
