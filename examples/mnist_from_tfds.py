"""Digits from the catalogue of TensorFlow Datasets, on any Keras backend.

It needs tensorflow-datasets, which reads MNIST: pip install tensorflow-datasets importlib_resources
With --tiny it takes a few steps, to see that it runs.
"""

# ruff: noqa: I001  keras_similarity comes before Keras, whose backend it chooses
import sys

import keras_similarity as ks
from keras import layers

tiny = "--tiny" in sys.argv

# Balanced batches from a data set of the catalogue.
sampler = ks.samplers.TFDatasetMultiShotMemorySampler(
    dataset_name="mnist", classes_per_batch=10, steps_per_epoch=5 if tiny else 1000
)

# Any Keras layers, ending in an embedding.
inputs = layers.Input(shape=(28, 28, 1))
x = layers.Rescaling(1 / 255)(inputs)
x = layers.Conv2D(64, 3, activation="relu")(x)
x = layers.Flatten()(x)
x = layers.Dense(64, activation="relu")(x)
outputs = ks.layers.MetricEmbedding(64)(x)
model = ks.models.SimilarityModel(inputs, outputs)

model.compile("adam", loss=ks.losses.MultiSimilarityLoss())
model.fit(sampler, epochs=1 if tiny else 5)

# Index 100 examples, and find the 5 most similar of them to another one.
sx, sy = sampler.get_slice(0, 100)
model.index(x=sx, y=sy, data=sx)
qx, qy = sampler.get_slice(3713, 1)
neighbors = model.single_lookup(qx[0])
print(f"it is a {qy[0]}; the nearest are {[neighbor.label for neighbor in neighbors]}")
ks.visualization.viz_neighbors(qx[0], qy[0], neighbors)
