"""CPU time of one training step of the anchor, on the backend that KERAS_BACKEND names, at a side of the images.

python benchmarks/quality/step_cost.py SIDE
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
import numpy as np
from measure import cpu_seconds
from quality.recipes import RECIPES
from quality.training import build

STEPS, BATCH = 8, 128


def step_cost(side):
    """Milliseconds, and the seconds of the first two steps, in which the backend compiles."""
    model = build(RECIPES["anchor"])
    images = np.random.default_rng(0).integers(0, 255, (STEPS * BATCH, side, side, 1), np.uint8)
    labels = np.arange(len(images)) // 4

    def fit(count):
        model.fit(images[:count], labels[:count], batch_size=BATCH, shuffle=False, verbose=0)

    first, _ = cpu_seconds(lambda: fit(2 * BATCH))
    rest, _ = cpu_seconds(lambda: fit(STEPS * BATCH))
    return {"backend": keras.backend.backend(), "side": side, "cpu_ms": 1000 * rest / STEPS, "first_cpu_s": first}


if __name__ == "__main__":
    print(json.dumps(step_cost(int(sys.argv[1]))))
