"""One recipe and one seed on the backend that KERAS_BACKEND names; prints its row of the report as JSON.

python benchmarks/quality/ours.py RECIPE SEED      "raw pixels", "raw pixels, framed" and "untrained" are recipes too
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
from measure import versions
from quality import omniglot, scoring
from quality.recipes import BY_LOSS, RECIPES, SHORT, Recipe
from quality.training import build, train


def row(name, seed):
    """The scores of one trained encoder on the unseen classes, beside what it is and what it cost."""
    images, labels = omniglot.load(background=False)
    if name.startswith("raw pixels"):
        recipe, cpu_s = Recipe(network="none", dim=images[0].size, loss="none", framed=name.endswith("framed")), 0.0
        seen = omniglot.at_side(images, recipe.side, fill=recipe.framed)
        embeddings = seen.reshape(len(seen), -1).astype("float32")
    else:
        recipe = (RECIPES | SHORT | BY_LOSS)["anchor" if name == "untrained" else name]
        if name == "untrained":
            keras.utils.set_random_seed(seed)
            model, cpu_s = build(recipe), 0.0
        else:
            model, cpu_s = train(recipe, seed)
        embeddings = model.embed(omniglot.at_side(images, recipe.side, fill=recipe.framed))
    backend = keras.backend.backend()
    return {
        "recipe": name,
        "network": recipe.network,
        "dim": recipe.dim,
        "loss": "none" if name == "untrained" else recipe.loss,
        "seed": seed,
        "backend": backend,
        "split": "unseen",
        **scoring.retrieval(embeddings, labels),
        "cpu_s": round(cpu_s, 1),
        "one_shot": scoring.one_shot(embeddings, labels, within_alphabet=False),
        "one_shot_within_alphabet": scoring.one_shot(embeddings, labels, within_alphabet=True),
        "versions": versions("keras", "numpy", "jax", "tensorflow", "tensorflow-cpu", "torch"),
    }


if __name__ == "__main__":
    print(json.dumps(row(sys.argv[1], int(sys.argv[2]))))
