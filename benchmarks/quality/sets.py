"""Other kinds of data, each beside its raw features and the untrained encoder: what training was worth.

python benchmarks/quality/sets.py NAME SEED      prints the rows of one set as JSON
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
import numpy as np
from measure import versions


@dataclass(frozen=True)
class Task:
    """What is embedded, by what, and how that is scored.

    Args:
        network, dim, loss: Of the encoder, for the report.
        build: Makes the compiled model.
        fit: Trains it, by a seed.
        score: From a function that embeds, the scores of each split.
        raw, raw_dim, raw_name: What stands for the encoder in the first line, its width and its name.
    """

    network: str
    dim: int
    loss: str
    build: Callable[[], Any]
    fit: Callable[[Any, int], None]
    score: Callable[[Callable[[Any], Any]], dict[str, dict[str, float]]]
    raw: Callable[[Any], Any]
    raw_dim: int
    raw_name: str = "raw pixels"


def rows(task, seed):
    """The rows of one seed; raw features know no seed, so they come with the first."""
    if seed == 0:
        yield from _lines(task, task.raw_name, task.raw, seed, 0.0, network="none", dim=task.raw_dim, loss="none")
    keras.utils.set_random_seed(seed)
    started = time.process_time()
    model = task.build()
    built = time.process_time() - started
    yield from _lines(task, "untrained", model.embed, seed, 0.0, loss="none")
    started = time.process_time()
    task.fit(model, seed)
    yield from _lines(task, "trained", model.embed, seed, built + time.process_time() - started)


def flat(images):
    """Pixels as they are, as vectors."""
    return images.reshape(len(images), -1).astype(np.float32)


def _lines(task, recipe, embed, seed, cpu_s, **other):
    what = {"network": task.network, "dim": task.dim, "loss": task.loss} | other
    for split, scores in task.score(embed).items():
        yield {
            "recipe": recipe,
            **what,
            "seed": seed,
            "backend": keras.backend.backend(),
            "split": split,
            **scores,
            "cpu_s": round(cpu_s, 1),
            "versions": versions("keras", "numpy", "jax", "tensorflow", "tensorflow-cpu", "torch"),
        }


if __name__ == "__main__":
    print(json.dumps(list(rows(importlib.import_module(f"quality.{sys.argv[1]}").task(), int(sys.argv[2])))))
