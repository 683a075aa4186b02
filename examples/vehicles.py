"""Vehicles: train on families of photos, then find a type that training never saw.

    python examples/vehicles.py --data DIR      # DIR holds vehicles32.npz: docs/quality.md, "The data"

Sedans should lie beside sedans, motorcycles beside motorcycles, and both far from boats.
"""

# ruff: noqa: I001  keras_similarity comes before Keras, whose backend it chooses
import argparse
import os
from pathlib import Path

import keras_similarity as ks
import keras
import numpy as np

NEW = "motorcycle"  # a family left out of training

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, default=os.environ.get("KERAS_SIMILARITY_DATA", "."))
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
options = parser.parse_args()
if not Path(options.data, "vehicles32.npz").is_file():
    parser.error(
        f"no vehicles32.npz is in {options.data}: name its folder with --data; docs/quality.md has its columns"
    )

keras.utils.set_random_seed(0)
with np.load(options.data / "vehicles32.npz") as file:
    images, is_test = file["x"], file["is_test"]
    families, fine = file["family_names"][file["family"]], file["fine_names"][file["fine"]]
kept = np.arange(len(images))[:: 12 if options.tiny else 1]
images, families, fine, is_test = images[kept], families[kept], fine[kept], is_test[kept]
train, gallery = ~is_test & (families != NEW), ~is_test

inputs = keras.Input((32, 32, 3))
hidden = keras.layers.Rescaling(1 / 255)(inputs)
for filters in (16, 16) if options.tiny else (32, 64, 128):
    hidden = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(hidden)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    hidden = keras.layers.MaxPooling2D()(hidden)
model = ks.SimilarityModel(inputs, ks.layers.MetricEmbedding(64)(keras.layers.Flatten()(hidden)))
model.compile(keras.optimizers.Adam(1e-3), loss=ks.losses.MultiSimilarityLoss())
sampler = ks.samplers.MultiShotMemorySampler(
    images[train],
    families[train],
    classes_per_batch=8,
    examples_per_class_per_batch=4 if options.tiny else 8,
    steps_per_epoch=4 if options.tiny else 60,
    augmenter=keras.layers.RandomFlip("horizontal"),
    seed=0,
)
model.fit(sampler, epochs=1 if options.tiny else 12, verbose=0)

# The index knows every family, the one that training never saw too.
model.index(images[gallery], families[gallery], metadata=[{"type": str(kind)} for kind in fine[gallery]])
pixels = ks.Index(images[0].size, "euclidean")
pixels.add(images[gallery].reshape(gallery.sum(), -1) / 255.0, families[gallery])
raw = pixels.search(images[is_test].reshape(is_test.sum(), -1) / 255.0, k=1).labels[:, 0]
found = model.lookup(images[is_test], k=1).labels[:, 0]
for what, rows in (("all families", families[is_test] != ""), (f"{NEW}, never trained on", families[is_test] == NEW)):
    right = found[rows] == families[is_test][rows]
    by_pixels = raw[rows] == families[is_test][rows]
    print(f"{what}: recall@1 {right.mean():.3f} of {len(right)} queries; raw pixels {by_pixels.mean():.3f}")
