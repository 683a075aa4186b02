"""Omniglot: 20-way 1-shot, with letters of alphabets that training never saw.

    python examples/omniglot_few_shot.py --data DIR      # DIR holds omniglot_28.npz: docs/quality.md, "The data"

Of 20 new letters the index gets one drawing each; another person's drawing must find its letter among them.
"""

# ruff: noqa: I001  keras_similarity comes before Keras, whose backend it chooses
import argparse
import os
from pathlib import Path

import keras_similarity as ks
import keras
import numpy as np

WAYS = 20

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, default=os.environ.get("KERAS_SIMILARITY_DATA", "."))
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
options = parser.parse_args()
if not Path(options.data, "omniglot_28.npz").is_file():
    parser.error(
        f"no omniglot_28.npz is in {options.data}: name its folder with --data; docs/quality.md has its columns"
    )

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
with np.load(options.data / "omniglot_28.npz") as file:
    images, labels, drawers, is_background = (file[name] for name in ("x", "y", "drawer", "is_background"))
images = images[..., None]
train = is_background[labels].astype(bool)

inputs = keras.Input((28, 28, 1))
hidden = keras.layers.Rescaling(1 / 255)(inputs)
for _ in range(2 if options.tiny else 4):
    hidden = keras.layers.Conv2D(8 if options.tiny else 32, 3, padding="same", use_bias=False)(hidden)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    hidden = keras.layers.MaxPooling2D()(hidden)
model = ks.SimilarityModel(inputs, ks.layers.MetricEmbedding(64)(keras.layers.Flatten()(hidden)))
model.compile(keras.optimizers.Adam(2e-3), loss=ks.losses.MultiSimilarityLoss())
sampler = ks.samplers.MultiShotMemorySampler(
    images[train],
    labels[train],
    classes_per_batch=8 if options.tiny else 32,
    examples_per_class_per_batch=4,
    steps_per_epoch=4 if options.tiny else 600,
    seed=0,
)
model.fit(sampler, epochs=1, verbose=0)

letters = np.unique(labels[~train])
rights, by_pixels = [], []
for _ in range(5 if options.tiny else 100):
    chosen = rng.choice(letters, WAYS, replace=False)
    one, other = rng.choice(20, 2, replace=False)  # two drawings of each letter, by two people
    shots = np.array([np.flatnonzero(labels == letter)[one] for letter in chosen])
    queries = np.array([np.flatnonzero(labels == letter)[other] for letter in chosen])
    model.reset_index()
    model.index(images[shots], labels[shots])
    rights.append(model.lookup(images[queries], k=1).labels[:, 0] == chosen)
    pixels = ks.Index(28 * 28)
    pixels.add(images[shots].reshape(WAYS, -1), labels[shots])
    by_pixels.append(pixels.search(images[queries].reshape(WAYS, -1), k=1).labels[:, 0] == chosen)
print(f"{WAYS}-way 1-shot: {np.mean(rights):.3f} right; raw pixels {np.mean(by_pixels):.3f}; chance {1 / WAYS:.3f}")
