"""On real data each encoder, trained, finds more of its like than untrained: a table, texts, and images."""

import csv
import gzip

import keras
import numpy as np
import pytest

from keras_similarity.architectures import TabularSim, TextSim, from_backbone
from keras_similarity.augment import Augmenter, HorizontalFlip, RandomResizedCrop
from keras_similarity.losses import MultiSimilarityLoss, SupConLoss
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.slow


def recall(model, train, test):
    model.reset_index()
    model.index(*train)
    return model.evaluate_retrieval(*test, ["recall@1"])["recall@1"]


def test_silhouettes__a_trained_table_encoder_beats_the_untrained_and_the_normalised_columns(data_folder):
    with np.load(data_folder / "vehicle_silhouettes.npz") as file:
        x, y = (file[name] for name in ("x", "y"))
    rows = np.random.default_rng(0).permutation(len(x))
    train, test = (x[rows[:560]], y[rows[:560]]), (x[rows[560:]], y[rows[560:]])
    keras.utils.set_random_seed(0)
    model = TabularSim(train[0], 16, hidden_units=(64, 64))
    model.compile(keras.optimizers.Adam(3e-3), loss=MultiSimilarityLoss())
    before = recall(model, train, test)
    sampler = MultiShotMemorySampler(model.prepare(train[0]), train[1], 4, 16, steps_per_epoch=300, seed=0)
    model.fit(sampler, verbose=0)
    after = recall(model, train, test)
    scaled = [(part - train[0].mean(axis=0)) / train[0].std(axis=0) for part in (train[0], test[0])]
    nearest = ((scaled[1][:, None] - scaled[0][None]) ** 2).sum(axis=-1).argmin(axis=1)
    columns = (train[1][nearest] == test[1]).mean()
    assert after > before + 0.05, (before, after, columns)
    assert after > columns + 0.03, (before, after, columns)


def ranks(values):
    return np.argsort(np.argsort(values))


def sentence_pairs(folder):
    """Both texts and the score of each row."""
    with gzip.open(folder / "stsb_ccbysa.tsv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    header = rows[0]
    columns = [header.index(name) for name in ("sentence1", "sentence2", "score")]
    return [[row[column] for column in columns] for row in rows[1:]]


def test_sts_b__a_trained_text_encoder_ranks_pairs_more_as_people_do(data_folder):
    pairs = sentence_pairs(data_folder)
    order = np.random.default_rng(0).permutation(len(pairs))
    train, test = ([pairs[row] for row in part] for part in (order[:1800], order[1800:]))
    keras.utils.set_random_seed(0)
    model = TextSim(64, buckets=2**13, length=48, width=128)
    model.compile(keras.optimizers.Adam(2e-3), loss=SupConLoss(temperature=0.1))

    def agreement():
        left, right = (model.embed([row[side] for row in test]) for side in (0, 1))
        scores = [float(row[2]) for row in test]
        return np.corrcoef(ranks((left * right).sum(axis=1)), ranks(scores))[0, 1]

    before = agreement()
    alike = [row for row in train if float(row[2]) >= 4]
    ids = model.prepare([text for row in alike for text in row[:2]])
    sampler = MultiShotMemorySampler(ids, np.repeat(np.arange(len(alike)), 2), 64, 2, steps_per_epoch=100, seed=0)
    model.fit(sampler, verbose=0)
    after = agreement()
    assert after > before + 0.02, (before, after)


def test_vehicles__a_trained_image_encoder_beats_the_untrained_and_the_pixels(data_folder):
    with np.load(data_folder / "vehicles32.npz") as file:
        images, family, is_test = (file[name] for name in ("x", "family", "is_test"))
    train = (images[~is_test], family[~is_test])
    test = (images[is_test][:600], family[is_test][:600])
    keras.utils.set_random_seed(0)
    hidden = inputs = keras.Input((32, 32, 3))
    for filters in (16, 32, 64):
        hidden = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(hidden)
        hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    model = from_backbone(keras.Model(inputs, hidden), 32, preprocessing="tf")
    model.compile(keras.optimizers.Adam(2e-3), loss=MultiSimilarityLoss())
    before = recall(model, train, test)
    augmenter = Augmenter([[RandomResizedCrop(scale=(0.5, 1)), HorizontalFlip()]], seed=0)
    model.fit(MultiShotMemorySampler(*train, 8, 8, augmenter=augmenter, steps_per_epoch=250, seed=0), verbose=0)
    after = recall(model, train, test)
    flat = [part.reshape(len(part), -1).astype(np.float32) for part in (train[0], test[0])]
    distances = (flat[0] ** 2).sum(axis=1) - 2 * flat[1] @ flat[0].T
    pixels = (train[1][distances.argmin(axis=1)] == test[1]).mean()
    assert after > before + 0.05, (before, after, pixels)
    assert after > pixels + 0.05, (before, after, pixels)
