"""Batches per CPU second, construction, the catalogue: `ours` or `upstream`, where it is installed. Prints JSON."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
from journey.seed_model import mnist
from measure import cpu_seconds

BATCHES = {20: (10, 2), 80: (10, 8), 500: (10, 50)}
SECONDS = 2.0
ROUNDS = 3


def rate(sampler):
    """Batches per CPU second over whole epochs, plans included: the median of several rounds."""
    sampler[0]
    found = []
    for _ in range(ROUNDS):
        started, count = time.process_time(), 0
        while (spent := time.process_time() - started) < SECONDS:
            for index in range(len(sampler)):
                sampler[index]
            count += len(sampler)
            sampler.on_epoch_end()
        found.append(count / spent)
    return sorted(found)[ROUNDS // 2]


def median_seconds(make):
    return sorted(cpu_seconds(make)[0] for _ in range(5))[2]


def ours():
    import keras  # noqa: F401 - the peer has imported all three before its time is taken, too
    import tensorflow  # noqa: F401
    import tensorflow_datasets  # noqa: F401

    from keras_similarity.samplers import MultiShotMemorySampler, TFDatasetMultiShotMemorySampler

    # Before there are lists of a million labels, which the peer's process does not make.
    catalogue = cpu_seconds(lambda: TFDatasetMultiShotMemorySampler("mnist", 10))[0]
    images, labels = mnist()
    rng = np.random.default_rng(0)
    million = np.zeros(1_000_000, np.uint8)
    many = rng.permutation(np.arange(400_000) % 100_000)
    few = rng.integers(0, 1000, 1_000_000)
    names = [f"class {label}" for label in few.tolist()]
    wide = images.astype(np.float32)
    return {
        "rates": {size: rate(MultiShotMemorySampler(images, labels, *batch)) for size, batch in BATCHES.items()},
        "rates_float32": {size: rate(MultiShotMemorySampler(wide, labels, *batch)) for size, batch in BATCHES.items()},
        "construct": {
            "60k": median_seconds(lambda: MultiShotMemorySampler(images, labels, 10, 2)),
            "60k float32": median_seconds(lambda: MultiShotMemorySampler(wide, labels, 10, 2)),
            "1M labels": median_seconds(lambda: MultiShotMemorySampler(million, few, 10, 2)),
            "1M labels, list of strings": median_seconds(lambda: MultiShotMemorySampler(million, names, 10, 2)),
            "100k classes": median_seconds(lambda: MultiShotMemorySampler(million[: len(many)], many, 32, 4)),
        },
        "tfds": catalogue,
    }


def upstream():
    from tensorflow_similarity.samplers import MultiShotMemorySampler, TFDatasetMultiShotMemorySampler

    images, labels = mnist()

    def make(classes, examples):
        return MultiShotMemorySampler(
            images, labels, classes_per_batch=classes, examples_per_class_per_batch=examples, steps_per_epoch=200
        )

    return {
        "rates": {size: rate(make(*batch)) for size, batch in BATCHES.items()},
        "construct": {"60k": median_seconds(lambda: make(10, 2))},
        "tfds": cpu_seconds(lambda: TFDatasetMultiShotMemorySampler("mnist", 10))[0],
    }


if __name__ == "__main__":
    result = {"ours": ours, "upstream": upstream}[sys.argv[1]]()
    sys.stdout.write("\n" + json.dumps(result))
