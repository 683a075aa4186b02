"""Open set: label what is known, and say "unknown" to the rest.

    python examples/open_set.py

scikit-learn's digits: 0 to 4 are trained on and indexed, 5 to 9 are strangers. The threshold is found with strangers 5
to 7, and judged with 8 and 9, which nothing has seen.
"""

# ruff: noqa: I001  keras_similarity comes before Keras, whose backend it chooses
import argparse

import keras_similarity as ks
import keras
import numpy as np
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
options = parser.parse_args()

keras.utils.set_random_seed(0)
digits = load_digits()
images, labels = digits.images[..., None].astype("float32"), digits.target
part = np.random.default_rng(0).integers(0, 3, len(labels))  # 0 trains and is indexed, 1 calibrates, 2 tests
known = labels < 5
train = known & (part == 0)
calibration = (part == 1) & (labels < 8)
test = (part == 2) & (known | (labels >= 8))

inputs = keras.Input((8, 8, 1))
hidden = keras.layers.Rescaling(1 / 16)(inputs)
hidden = keras.layers.Conv2D(32, 3, activation="relu")(hidden)
hidden = keras.layers.Conv2D(32, 3, activation="relu")(hidden)
model = ks.SimilarityModel(inputs, ks.layers.MetricEmbedding(16)(keras.layers.Flatten()(hidden)))
model.compile("adam", loss=ks.losses.MultiSimilarityLoss())
sampler = ks.samplers.MultiShotMemorySampler(
    images[train], labels[train], classes_per_batch=5, examples_per_class_per_batch=8, seed=0
)
model.fit(sampler, epochs=1 if options.tiny else 30, verbose=0)

model.index(images[train], labels[train])
model.calibrate(images[calibration], labels[calibration])
matches = np.array(list(model.match(images[test], no_match_label="unknown")), object)
is_known = known[test]
print(f"threshold {model.calibration.cutpoints['optimal']['distance']:.3f}")
print(f"known digits that got their label:  {(matches == labels[test])[is_known].mean():.3f} of {is_known.sum()}")
print(f"strangers that were told apart:     {(matches == 'unknown')[~is_known].mean():.3f} of {(~is_known).sum()}")
nearest = model.lookup(images[test], k=1).labels[:, 0]
print(f"without a threshold:                {(nearest == labels[test])[~is_known].mean():.3f} of the strangers")
