"""Pairs of sentences that people scored by how much they mean the same: the STS benchmark, its free part."""

import csv
import gzip
import os
import re
from pathlib import Path

import keras
import numpy as np
from quality.sets import Task

import keras_similarity as ks
from keras_similarity.evaluate import evaluate_embeddings

ALIKE = 4.0  # of 5: the score from which two sentences count as a pair
TRAIN, EPOCHS, DIM, BUCKETS = 1800, 8, 128, 20_000
FOLDER = Path(os.environ.get("KERAS_SIMILARITY_DATA", "."))


def load():
    """Both texts and the score of each pair, those of training and those of the test, which share no text."""
    with gzip.open(FOLDER / "stsb_ccbysa.tsv.gz", "rt", encoding="utf-8") as file:
        header, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = [header.index(name) for name in ("sentence1", "sentence2", "score")]
    pairs = [(row[columns[0]], row[columns[1]], float(row[columns[2]])) for row in rows]
    order = np.random.default_rng(0).permutation(len(pairs))
    test = [pairs[number] for number in order[TRAIN:]]
    unseen = {text for pair in test for text in pair[:2]}
    return [pairs[number] for number in order[:TRAIN] if not unseen & set(pairs[number][:2])], test


def task():
    """How far cosines rank pairs as people do, and whether the nearest sentence is the one that means the same."""
    train, test = load()
    alike = [pair for pair in train if pair[2] >= ALIKE and pair[0] != pair[1]]

    def build():
        model = ks.architectures.TextSim(DIM, buckets=BUCKETS, length=32, width=DIM, pieces=(3, 4))
        model.compile(keras.optimizers.Adam(2e-3), loss=ks.losses.MultiNegativesRankLoss())
        return model

    def fit(model, seed):
        sides = [model.prepare([pair[side] for pair in alike]) for side in (0, 1)]
        model.fit(ks.samplers.PairSampler(*sides, batch_size=32, seed=seed), epochs=EPOCHS, verbose=0)

    def score(embed):
        one, two = (_unit(embed([pair[side] for pair in test])) for side in (0, 1))
        people = np.array([pair[2] for pair in test])
        same = np.flatnonzero(people >= ALIKE)
        report = evaluate_embeddings(one[same], same, two, np.arange(len(test)), metrics=["recall@1", "map@r"])
        return {"test": report.mean() | {"spearman": spearman((one * two).sum(axis=1), people)}}

    raw, width = counts_of_words(train + test)
    return Task("words, mean", DIM, "multi_negatives", build, fit, score, raw, width, "words, counted")


def counts_of_words(pairs):
    """A function from texts to the counts of their words, rare ones weighing more, and how many words there are."""
    texts = [_words(text) for pair in pairs for text in pair[:2]]
    places = {word: place for place, word in enumerate(sorted({word for text in texts for word in text}))}
    known = np.zeros(len(places))
    for text in texts:
        known[[places[word] for word in set(text)]] += 1
    weights = np.log(len(texts) / known)

    def counts(some):
        rows = np.zeros((len(some), len(places)), np.float32)
        for row, text in enumerate(some):
            np.add.at(rows[row], [places[word] for word in _words(text)], 1)
        return rows * weights

    return counts, len(places)


def spearman(one, other):
    """The correlation of ranks; values that are equal share the mean of theirs."""
    return float(np.corrcoef(*(_ranks(values) for values in (one, other)))[0, 1])


def _ranks(values):
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[which]


def _words(text):
    return re.findall(r"\w+", text.lower())


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
