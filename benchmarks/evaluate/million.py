"""MAP@R of 10,000 queries over a million rows of 64 numbers: memory beside the rows."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
from losses.memory import peak_mb, reset_peak

from keras_similarity.evaluate import evaluate_embeddings

ITEMS, QUERIES, WIDTH, CLASSES = 1_000_000, 10_000, 64, 1000


def draw(centres, labels, rng):
    rows = rng.standard_normal((len(labels), WIDTH), np.float32)
    rows *= 1.5
    rows += centres[labels]
    return rows


def main():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, WIDTH), np.float32)
    labels, query_labels = rng.integers(0, CLASSES, ITEMS), rng.integers(0, CLASSES, QUERIES)
    gallery, queries = draw(centres, labels, rng), draw(centres, query_labels, rng)
    before, started = reset_peak(), time.process_time()
    value = evaluate_embeddings(queries, query_labels, gallery, labels, ["map@r"]).mean()["map@r"]
    sys.stdout.write(json.dumps({"cpu_s": time.process_time() - started, "mb": peak_mb() - before, "map@r": value}))


if __name__ == "__main__":
    main()
