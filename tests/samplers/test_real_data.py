"""The samplers over real data: families of vehicles, 1,623 alphabets' letters, a table, pairs of sentences."""

import csv
import gzip

import keras
import numpy as np
import pytest
from PIL import Image

import keras_similarity as ks
from keras_similarity.samplers import MultiShotMemorySampler, PairSampler, TripletSampler, from_directory


@pytest.fixture(scope="module")
def vehicles(data_folder):
    with np.load(data_folder / "vehicles32.npz") as data:
        names = data["fine_names"][data["fine"]], data["family_names"][data["family"]]
        return data["x"], names[0].tolist(), names[1].tolist()


def test_vehicles__batches_from_few_families__show_everything(vehicles):
    x, fine, family = vehicles
    family_of = dict(zip(fine, family, strict=True))
    sampler = MultiShotMemorySampler(x, fine, 8, 4, families=family, families_per_batch=4, seed=0)
    shown = np.zeros(len(x), int)
    for index in range(len(sampler)):
        rows = sampler._rows[sampler._batches()[index]]
        shown[rows] += 1
        kinds = [fine[row] for row in rows]
        groups = {name: {kind for kind in kinds if family_of[kind] == name} for name in {family_of[k] for k in kinds}}
        assert len(groups) == 4
        for name, members in groups.items():
            assert len(members) == min(2, len({kind for kind in family_of if family_of[kind] == name}))
    assert shown.min() >= 1
    first_class = [row for row, name in enumerate(fine) if name == fine[0]]
    assert shown[first_class].max() - shown[first_class].min() <= 1


def test_omniglot__all_classes_meet_in_changing_company(data_folder):
    with np.load(data_folder / "omniglot_28.npz") as data:
        x, y = data["x"], data["y"]
    sampler = MultiShotMemorySampler(x, y.astype(np.int64) - 2**30, 32, 4, seed=0)
    assert len(sampler) == -(-1623 * 5 // 32)
    batches = sampler._batches()
    assert set(batches.ravel().tolist()) == set(range(len(x)))
    company = {label: set() for label in range(1623)}
    for batch in y[batches[:, ::4]]:
        assert len(set(batch.tolist())) == 32
        for label in batch.tolist():
            company[label].update(batch.tolist())
    assert np.mean([len(others) for others in company.values()]) > 140, "of 5 × 31 that can be"


def test_silhouettes__a_table_with_string_labels(data_folder):
    with np.load(data_folder / "vehicle_silhouettes.npz") as data:
        x, names = data["x"].astype(np.float32), data["class_names"][data["y"]]
    sampler = MultiShotMemorySampler(x, names, 4, 8, total_examples_per_class=100, seed=0)
    assert sampler.num_examples == 400
    assert sorted(sampler.vocabulary.labels) == ["bus", "opel", "saab", "van"]


def test_sentences__no_text_comes_up_twice_in_a_batch(data_folder):
    with gzip.open(data_folder / "stsb_ccbysa.tsv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if float(row["score"]) >= 4]
    sampler = PairSampler([r["sentence1"] for r in rows], [r["sentence2"] for r in rows], 64, seed=0)
    shown = set()
    for x, codes in sampler:
        texts = [text for row in codes[:64].tolist() for text in {rows[row]["sentence1"], rows[row]["sentence2"]}]
        assert len(texts) == len(set(texts))
        assert x.shape == (128,)
        shown.update(codes.tolist())
    assert shown == set(range(len(rows)))


@pytest.mark.slow
def test_a_written_folder__trains(vehicles, tmp_path):
    x, fine, _ = vehicles
    for row in range(0, len(x), 25):
        path = tmp_path / fine[row] / f"{row}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(x[row]).save(path, quality=95)
    sampler = from_directory(
        tmp_path, 8, examples_per_class_per_batch=2, target_size=(16, 16), steps_per_epoch=3, seed=0
    )
    inputs = keras.Input((16, 16, 3))
    pooled = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    model = ks.SimilarityModel(inputs, ks.layers.MetricEmbedding(8)(pooled))
    model.compile("adam", ks.losses.MultiSimilarityLoss())
    assert np.isfinite(model.fit(sampler, verbose=0).history["loss"]).all()


def test_mined_negatives__feed_a_sampler(vehicles):
    x, fine, _ = vehicles
    rows = np.arange(0, len(x), 20)
    flat = x[rows].reshape(len(rows), -1)[:, ::16].astype(np.float32)
    index = ks.Index(flat.shape[1], "euclidean")
    index.add(flat, [fine[row] for row in rows])
    found = ks.inspection.mine_hard_negatives(index, relative_margin=0.05, negatives_per_anchor=2)
    triplet = found.anchors, found.positives, found.negatives
    sampler = TripletSampler(*(x[rows[part]] for part in triplet), batch_size=16, keys=triplet[:2], seed=0)
    batch, codes = sampler[0]
    assert batch.shape == (48, 32, 32, 3)
    labels = np.array(fine)[rows]
    picked = codes[:16]
    assert (labels[found.anchors[picked]] == labels[found.positives[picked]]).all()
    assert (labels[found.anchors[picked]] != labels[found.negatives[picked]]).all()
