"""Written with tensorflow-similarity 0.17.1 on TensorFlow 2.15: an index of 12 rows, with and without data.

How the folders here were made, once: they stand for the indexes that people have, so never make them anew. (Of the one
without data, the files of nmslib were left out.)
"""

from pathlib import Path

import numpy as np
from tensorflow_similarity.indexer import Indexer

HERE = Path(__file__).parent

rng = np.random.default_rng(0)
embeddings = rng.normal(size=(12, 4)).astype("float32")
embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
labels = [row % 3 for row in range(12)]
pictures = rng.integers(0, 256, (12, 2, 3), dtype="uint8")

for name, data in (("with_data", pictures), ("without_data", None)):
    indexer = Indexer(4, distance="cosine", search="nmslib")
    indexer.batch_add(embeddings, labels=labels, data=data, verbose=0)
    if data is not None:
        queries = embeddings + rng.normal(size=(12, 4)).astype("float32") / 10
        indexer.calibrate(queries, labels, {"precise": 0.9}, verbose=0)
    indexer.save(str(HERE / name / "index"))
