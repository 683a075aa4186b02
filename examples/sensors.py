"""Motion sensors: windows of three axes, and an activity that training never saw.

    python examples/sensors.py

The signals are made here: each activity has a rhythm and a direction, each window its own phase, strength and noise.
"""

# ruff: noqa: I001  keras_similarity comes before Keras, whose backend it chooses
import argparse

import keras_similarity as ks
import keras
import numpy as np

RATE, SAMPLES = 50, 128  # 2.56 seconds
RHYTHMS = {"walk": 2.0, "run": 3.0, "climb": 1.4, "cycle": 1.0, "row": 0.6, "jump": 2.5}  # per second
NEW = "jump"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
options = parser.parse_args()

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
directions = {activity: rng.normal(size=(2, 3)) for activity in RHYTHMS}


def window(activity):
    """Return one window `(SAMPLES, 3)`: a rhythm and its overtone along two directions."""
    beat = 2 * np.pi * (RHYTHMS[activity] * rng.normal(1, 0.06) * np.arange(SAMPLES) / RATE + rng.uniform())
    main, overtone = directions[activity]
    clean = np.sin(beat)[:, None] * main + 0.5 * np.sin(2 * beat + rng.normal(0, 0.5))[:, None] * overtone
    return rng.uniform(0.5, 1.5) * clean + rng.normal(0, 0.8, (SAMPLES, 3))


labels = np.repeat(list(RHYTHMS), 20 if options.tiny else 150)
windows = np.stack([window(activity) for activity in labels]).astype("float32")
is_test = np.arange(len(labels)) % 3 == 0
train = ~is_test & (labels != NEW)

inputs = keras.Input((SAMPLES, 3))
hidden = inputs
for filters in (16, 32):
    hidden = keras.layers.Conv1D(filters, 7, strides=2, padding="same", activation="relu")(hidden)
outputs = ks.layers.MetricEmbedding(16)(ks.layers.GeneralizedMeanPooling1D()(hidden))
model = ks.SimilarityModel(inputs, outputs)
model.compile(keras.optimizers.Adam(3e-3), loss=ks.losses.SupConLoss())
sampler = ks.samplers.MultiShotMemorySampler(
    windows[train], labels[train], classes_per_batch=5, examples_per_class_per_batch=8, seed=0
)
model.fit(sampler, epochs=2 if options.tiny else 20, verbose=0)

# Two windows of the new activity are enough to find it.
model.index(windows[train], labels[train])
model.index(windows[~is_test & (labels == NEW)][:2], [NEW, NEW])
found = model.lookup(windows[is_test], k=1).labels[:, 0]
for what, rows in (("known activities", labels[is_test] != NEW), (f"{NEW}, from two windows", labels[is_test] == NEW)):
    print(f"{what}: {(found == labels[is_test])[rows].mean():.3f} right of {rows.sum()}")
