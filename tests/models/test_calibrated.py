"""Calibrating, matching and classifying through the model, and keeping the thresholds with it."""

import keras
import numpy as np
import pytest

from keras_similarity.calibrate import read_calibration
from keras_similarity.calibrate.kept import CALIBRATION_FILE
from keras_similarity.errors import NotCalibratedError
from keras_similarity.index import Index
from keras_similarity.models import SimilarityModel


@pytest.fixture
def model(rng):
    """Four classes round the corners of a square; the fifth, between them, is never indexed."""
    inputs = keras.Input((2,))
    model = SimilarityModel(inputs, keras.layers.Identity()(inputs))
    model.compile(distance="euclidean")
    x, y = points(rng, 4)
    model.index(x, y, metadata=[{"row": row} for row in range(len(x))])
    return model


def points(rng, classes, each=20):
    corners = np.array([[0, 0], [0, 4], [4, 0], [4, 4], [2, 2]])[:classes]
    x = np.repeat(corners, each, axis=0) + 0.3 * rng.normal(size=(classes * each, 2))
    return x.astype(np.float32), np.repeat(["a", "b", "c", "d", "none"][:classes], each).tolist()


def test_match__unknown_queries_get_no_label(model, rng):
    model.calibrate(*points(rng, 5), {"sure": "precision >= 0.99"})
    x, y = points(rng, 5)
    found = list(model.match(x, cutpoint="sure", no_match_label="none"))
    assert np.mean([label == true for label, true in zip(found, y, strict=True)]) > 0.95
    assert "none" in found
    assert set(model.match(x, "all")) == {"optimal", "sure"}


def test_evaluate_classification__tells_of_every_cutpoint(model, rng):
    model.calibrate(*points(rng, 5), {"strict": "fpr <= 0.01"})
    report = model.evaluate_classification(*points(rng, 5), extra_metrics=("precision", "fpr"))
    assert set(report) == {"optimal", "strict"}
    assert set(report["strict"]) == {"distance", "f1", "precision", "fpr"}
    assert report["optimal"]["f1"] > 0.9


def test_thresholds_survive_saving_to_the_bit(model, rng, tmp_path):
    before = model.calibrate(*points(rng, 5), {"sure": "precision >= 0.95"}, k=3, coverage=0.9)
    model.save(tmp_path / "m.keras")
    after = keras.saving.load_model(tmp_path / "m.keras").calibration
    assert after.cutpoints == before.cutpoints
    for name, values in before.thresholds.items():
        assert np.array_equal(after.thresholds[name], values)


@pytest.mark.parametrize("call", ["match", "evaluate_classification"])
def test_not_calibrated__says_how(model, call, rng):
    x, y = points(rng, 4)
    with pytest.raises(NotCalibratedError, match=rf"`{call}\(\)` needs thresholds.*\n  Call `model.calibrate"):
        model.match(x) if call == "match" else model.evaluate_classification(x, y)


def test_reset_index__forgets_the_calibration_too(model, rng):
    model.calibrate(*points(rng, 5))
    model.reset_index()
    assert model.calibration is None


def test_load_index__brings_its_own_thresholds_to_the_bit_or_none(model, rng, tmp_path):
    model.save_index(tmp_path / "bare")
    saved = model.calibrate(*points(rng, 5), {"sure": "precision >= 0.95"}, k=3, per_class=True)
    model.save_index(tmp_path / "calibrated")
    model.calibrate(*points(rng, 5))
    model.load_index(tmp_path / "calibrated")
    assert model.calibration.cutpoints == saved.cutpoints
    assert np.array_equal(model.calibration.thresholds["distance"], saved.thresholds["distance"])
    assert model.index_size() == len(Index.open(tmp_path / "calibrated")) == 80
    model.load_index(tmp_path / "bare")
    assert model.calibration is None


def test_load_index__of_an_index_on_disk__goes_on_there(model, rng, tmp_path):
    x, y = points(rng, 4)
    with Index(model.embedding_size, store=tmp_path / "shelf") as index:
        index.add(model.embed(x), y)
    model.calibrate(x, y)
    model.load_index(tmp_path / "shelf")
    assert model.calibration is None
    model.index(x[:1], ["late"], ids=["late"])
    model.gallery.close()
    assert "late" in Index.open(tmp_path / "shelf", read_only=True)


def test_evaluate_retrieval__takes_the_options_of_the_function(model, rng):
    x, y = points(rng, 4)
    ids = model.index(x, y)
    by_id = model.retrieval_report(x, y, ["recall@1", "precision@5"], ids=ids)
    assert by_id.index_recall == 1.0
    assert by_id.per_query["recall@1"].shape == (80,)
    assert set(by_id.per_class()) == set(y)
    low, high = by_id.confidence_intervals()["precision@5"]
    assert low <= by_id.mean()["precision@5"] <= high
    assert model.evaluate_retrieval(x, y, ["map@r"], ids=ids, average="macro") == model.retrieval_report(
        x, y, ["map@r"], ids=ids
    ).mean(average="macro")
    itself = model.evaluate_retrieval(x, y, ["map"], relevance=lambda a, b: a == b, gallery_labels=y + y)
    assert itself == model.evaluate_retrieval(x, y, ["map"])


def test_lookup_filters_by_label_metadata_and_distance(model):
    here = np.array([[0.0, 0.0]], np.float32)
    assert set(model.lookup(here, 5, where={"label": {"in": ["b", "c"]}}).labels.ravel()) <= {"b", "c"}
    assert model.single_lookup(here[0], 3, where={"row": {"gte": 60}}).labels.tolist() == ["d"] * 3
    assert np.isfinite(model.lookup(here, 50, max_distance=1.5).distances).sum() <= 20


def test_an_index_alone_goes_from_model_to_model(model, tmp_path):
    model.save_index(tmp_path / "index")
    inputs = keras.Input((2,))
    other = SimilarityModel(inputs, keras.layers.Identity()(inputs))
    other.compile(distance="euclidean")
    other.load_index(tmp_path / "index")
    assert other.index_size() == 80
    wide = keras.Input((3,))
    third = SimilarityModel(wide, keras.layers.Identity()(wide))
    third.compile()
    with pytest.raises(ValueError, match="holds embeddings of 2 numbers: this model's have 3"):
        third.load_index(tmp_path / "index")
    assert third.index_size() == 0


def test_load_index__of_a_folder__brings_the_thresholds_that_lie_in_it(model, rng, tmp_path):
    x, y = points(rng, 4)
    with Index(model.embedding_size, store=tmp_path / "shelf") as index:
        index.add(model.embed(x), y)
    found = model.calibrate(*points(rng, 5))
    found.save(tmp_path / "shelf" / CALIBRATION_FILE)
    model.load_index(tmp_path / "shelf")
    assert model.calibration.cutpoints == found.cutpoints
    model.gallery.close()


def test_read_calibration__finds_what_a_model_kept_with_its_index(model, rng, tmp_path):
    model.save_index(tmp_path / "bare")
    found = model.calibrate(*points(rng, 5))
    model.save_index(tmp_path / "calibrated")
    assert read_calibration(tmp_path / "bare") is None
    assert read_calibration(tmp_path / "nowhere") is None
    assert read_calibration(tmp_path / "calibrated").cutpoints == found.cutpoints
    later = model.calibrate(*points(rng, 5), k=3)
    later.save(tmp_path / "calibrated" / CALIBRATION_FILE)
    assert read_calibration(tmp_path / "calibrated").cutpoints == later.cutpoints
