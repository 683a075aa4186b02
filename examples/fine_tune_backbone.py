"""Fine-tune a backbone: train its head first, then its last layer too, then all of it.

    python examples/fine_tune_backbone.py

No weights are downloaded. The backbone is a small one that this program first trains to classify the digits 0 to 4: it
stands for a network of `keras.applications` with weights="imagenet", which takes its place as it is. What is embedded
then are the digits 5 to 9.
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
images, labels = (digits.images[..., None] / 16).astype("float32"), digits.target
old, is_test = labels < 5, np.arange(len(labels)) % 2 == 0
train, test = ~old & ~is_test, ~old & is_test

backbone = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Conv2D(32, 3, activation="relu"),
    ]
)
classifier = keras.Sequential([backbone, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)])
classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
classifier.fit(images[old], labels[old], epochs=1 if options.tiny else 20, verbose=0)

sampler = ks.samplers.MultiShotMemorySampler(
    images[train], labels[train], classes_per_batch=5, examples_per_class_per_batch=8, seed=0
)
model = ks.architectures.from_backbone(backbone, 16, trainable="frozen", preprocessing="none")


def train_and_score(stage, learning_rate):
    """Go on training what is trainable now, and print the recall on test images."""
    model.compile(keras.optimizers.Adam(learning_rate), loss=ks.losses.MultiSimilarityLoss())
    model.fit(sampler, epochs=1 if options.tiny else 20, verbose=0)
    model.reset_index()
    model.index(images[train], labels[train])
    scores = model.evaluate_retrieval(images[test], labels[test], ["recall@1", "map@r"])
    print(f"{stage:14} recall@1 {scores['recall@1']:.3f}  map@r {scores['map@r']:.3f}")


train_and_score("head", 1e-2)
backbone.trainable = True
for layer in backbone.layers[:-1]:
    layer.trainable = False
train_and_score("its last layer", 1e-3)
for layer in backbone.layers:
    layer.trainable = True
train_and_score("all of it", 1e-3)
