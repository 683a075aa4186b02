"""Sentences that mean the same: train on pairs, search among those never seen, compare with people's judgement.

    python examples/semantic_search.py --data DIR      # DIR holds stsb_ccbysa.tsv.gz: docs/quality.md, "The data"

The encoder is small and starts from nothing: it learns from the pairs what it can, which is mostly words. For
more, wrap a language model that was trained on much text with `ks.architectures.from_backbone`.
"""

# ruff: noqa: I001  keras_similarity comes before Keras, whose backend it chooses
import argparse
import gzip
import os
from pathlib import Path

import keras_similarity as ks
import keras
import numpy as np

ALIKE = 3.5  # of 5: the score from which two sentences count as a pair

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, default=os.environ.get("KERAS_SIMILARITY_DATA", "."))
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
options = parser.parse_args()
if not Path(options.data, "stsb_ccbysa.tsv.gz").is_file():
    parser.error(
        f"no stsb_ccbysa.tsv.gz is in {options.data}: name its folder with --data; docs/quality.md has its columns"
    )

keras.utils.set_random_seed(0)
with gzip.open(options.data / "stsb_ccbysa.tsv.gz", "rt", encoding="utf-8") as file:
    rows = [line.rstrip("\n").split("\t") for line in file]
rows = [(float(row[-3]), row[-2], row[-1]) for row in rows if row[-3].replace(".", "", 1).isdigit()]
order = np.random.default_rng(0).permutation(len(rows))
test = [rows[number] for number in order[:500]]
unseen = {text for _, *texts in test for text in texts}
train = [rows[number] for number in order[500:] if not unseen & set(rows[number][1:])]
pairs = [(one, two) for score, one, two in train if score >= ALIKE and one != two]

model = ks.architectures.TextSim(embedding_size=128, buckets=20_000, length=32, width=128, pieces=(3, 4))
model.compile(keras.optimizers.Adam(2e-3), loss=ks.losses.MultiNegativesRankLoss())


def agreement():
    """Return the rank correlation of cosine similarity and people's scores."""
    one, two = (model.embed([row[side] for row in test]) for side in (1, 2))
    ranks = [np.argsort(np.argsort(values)) for values in ((one * two).sum(axis=1), [row[0] for row in test])]
    return np.corrcoef(*ranks)[0, 1]


untrained = agreement()
prepared = [model.prepare([pair[side] for pair in pairs]) for side in (0, 1)]
sampler = ks.samplers.PairSampler(*prepared, batch_size=32, seed=0, steps_per_epoch=3 if options.tiny else None)
model.fit(sampler, epochs=1 if options.tiny else 8, verbose=0)
print(f"{len(pairs)} pairs; rank correlation with people: untrained {untrained:.3f}, trained {agreement():.3f}")

sentences = sorted(unseen)
model.index(sentences, data=sentences)
for query in ("A man plays the guitar.", "A dog runs through the snow."):
    print(query)
    for neighbor in model.single_lookup(query, k=3):
        print(f"  {neighbor.distance:.3f}  {neighbor.data}")
