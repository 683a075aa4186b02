"""Fine-tune a backbone: train its head first, then its last layers too.

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


def fine_tune(trainable, learning_rate, epochs):
    """Train what `trainable` says of the backbone, and its head, and return the recall on test images."""
    model = ks.architectures.from_backbone(backbone, 16, trainable=trainable, preprocessing="none")
    model.compile(keras.optimizers.Adam(learning_rate), loss=ks.losses.MultiSimilarityLoss())
    sampler = ks.samplers.MultiShotMemorySampler(
        images[train], labels[train], classes_per_batch=5, examples_per_class_per_batch=8, seed=0
    )
    model.fit(sampler, epochs=1 if options.tiny else epochs, verbose=0)
    model.index(images[train], labels[train])
    return model.evaluate_retrieval(images[test], labels[test], ["recall@1", "map@r"])


STAGES = [("frozen", 1e-2, 20), ("partial", 1e-3, 20), ("full", 1e-3, 20)]
for trainable, learning_rate, epochs in STAGES[1:2] if options.tiny else STAGES:
    scores = fine_tune(trainable, learning_rate, epochs)
    print(f"{trainable:8} recall@1 {scores['recall@1']:.3f}  map@r {scores['map@r']:.3f}")
