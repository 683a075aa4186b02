"""The share of a training step that a small network spends waiting for our sampler. Prints JSON."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
from journey.seed_model import BATCH, mnist, seed_layers

import keras_similarity as ks

STEPS = 60


class Timed(ks.samplers.MultiShotMemorySampler):
    spent = 0.0

    def __getitem__(self, index):
        started = time.perf_counter()
        batch = super().__getitem__(index)
        self.spent += time.perf_counter() - started
        return batch


def main():
    images, labels = mnist()
    model = ks.models.SimilarityModel(*seed_layers(keras.layers, ks.layers.MetricEmbedding))
    model.compile("adam", loss=ks.losses.MultiSimilarityLoss())
    sampler = Timed(images, labels, *BATCH, steps_per_epoch=STEPS, seed=0)
    model.fit(sampler, verbose=0)
    sampler.spent = 0.0
    started = time.perf_counter()
    model.fit(sampler, verbose=0)
    whole = time.perf_counter() - started
    print(json.dumps({"share": sampler.spent / whole, "step_ms": 1000 * whole / STEPS}))


if __name__ == "__main__":
    main()
