"""One recipe and one seed on the backend that KERAS_BACKEND names; prints its row of the report as JSON.

python benchmarks/quality/ours.py RECIPE SEED
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
import numpy as np
from measure import versions
from quality import omniglot, scoring
from quality.encoders import NETWORKS
from quality.recipes import ALL
from quality.training import train

import keras_similarity as ks


def row(name, seed):
    """The scores of one trained encoder on the unseen classes, beside what it is and what it cost."""
    recipe = ALL[name]
    images, labels = omniglot.load(background=False)
    embeddings, cpu_s = embedded(recipe, images, seed)
    return {
        "recipe": name,
        "network": recipe.network,
        "dim": embeddings.shape[1],
        "loss": recipe.loss,
        "seed": seed,
        "backend": keras.backend.backend(),
        "split": "unseen",
        **scoring.retrieval(embeddings, labels),
        "cpu_s": round(cpu_s, 1),
        "one_shot": scoring.one_shot(embeddings, labels, within_alphabet=False),
        "one_shot_within_alphabet": scoring.one_shot(embeddings, labels, within_alphabet=True),
        "versions": versions("keras", "numpy", "jax", "tensorflow", "tensorflow-cpu", "torch"),
    }


def embedded(recipe, images, seed):
    """The embeddings of images, and the CPU seconds of the training."""
    if recipe.network == "none":
        images = omniglot.at_side(images, recipe.side, fill=recipe.framed)
        return images.reshape(len(images), -1).astype("float32"), 0.0
    if recipe.loss == "none":
        keras.utils.set_random_seed(seed)
        return looked_at(recipe, ks.SimilarityModel(*NETWORKS[recipe.network](recipe.dim)), images), 0.0
    parts, seconds = [], 0.0
    for member in range(recipe.members):
        model, cpu_s = train(recipe, recipe.members * seed + member)
        parts.append(looked_at(recipe, model, images))
        seconds += cpu_s
    return np.concatenate(parts, axis=1), seconds


def looked_at(recipe, model, images):
    """The mean embedding of each image, scaled to each side that the recipe looks at."""
    sides = recipe.looks or (recipe.side,)
    return np.mean([model.embed(omniglot.at_side(images, side, fill=recipe.framed)) for side in sides], axis=0)


if __name__ == "__main__":
    print(json.dumps(row(sys.argv[1], int(sys.argv[2]))))
