import json

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.calibrate import CalibrationResults, calibrate, match
from keras_similarity.errors import CorruptIndexError


def index_of(labels):
    index = Index(1, "euclidean")
    index.add(100.0 * np.arange(len(labels))[:, None], labels)
    return index


@pytest.fixture
def index():
    return index_of(["cat", "dog"])


@pytest.fixture
def calibration(index):
    rows = [[1.0], [2.0], [3.0], [101.0], [105.0], [140.0]]
    return calibrate(index, rows, ["cat", "cat", "dog", "dog", "dog", "owl"], {"sure": "precision >= 1"})


def test_match__labels_each_query__unknown_where_it_is_too_far(index, calibration):
    # "sure" accepts up to 2, "optimal" up to 5 (4 right of 5 accepted).
    assert {name: point["distance"] for name, point in calibration.cutpoints.items()} == {"optimal": 5, "sure": 2}
    result = index.search([[1.5], [104.0], [50.0 - 1]], k=1)
    assert match(result, calibration).labels == ["cat", "dog", -1]
    assert match(result, calibration, "sure", no_match_label=None).labels == ["cat", None, None]
    every = match(result, calibration, "all", no_match_label="?")
    assert {name: matches.labels for name, matches in every.items()} == {
        "optimal": ["cat", "dog", "?"],
        "sure": ["cat", "?", "?"],
    }


def test_matches__read_as_a_list_and_tell_why(index, calibration):
    matches = match(index.search([[1.5], [49.0]], k=1), calibration)
    assert matches == ["cat", -1]
    assert list(matches) == matches[:] == [matches[0], matches[-1]]
    assert len(matches) == 2
    assert matches.candidates == ["cat", "cat"]
    assert matches.matched.tolist() == [True, False]
    assert matches.distances.tolist() == [1.5, 49.0]
    np.testing.assert_array_equal(matches.probabilities, calibration.probability([1.5, 49.0]))
    assert matches.probabilities[0] == 1 > matches.probabilities[1]
    assert [neighbor.id for neighbor in matches.deciders(1)] == [0]
    assert repr(matches) == "<Matches: 1 of 2 matched>"


def test_deciders__are_the_neighbours_that_voted_for_the_label(rng):
    index = Index(2, "euclidean")
    index.add(rng.normal(size=(60, 2)), rng.choice(["a", "b", "c"], 60).tolist())
    rows, labels = rng.normal(size=(30, 2)), rng.choice(["a", "b", "c"], 30).tolist()
    calibration = calibrate(index, rows, labels, k=5, matcher="majority_vote")
    result = index.search(rows, k=5)
    matches = match(result, calibration)
    for row, label in enumerate(matches.candidates):
        voters = matches.deciders(row)
        assert [(v.id, v.rank) for v in voters] == [(n.id, n.rank) for n in result[row] if n.label == label]
        assert matches.distances[row] == pytest.approx(np.mean([voter.distance for voter in voters]), rel=1e-6)


def test_match__no_neighbour__matches_nothing(calibration):
    matches = match(Index(1, "euclidean").search([[0.0]], k=1), calibration)
    assert (matches.labels, matches.candidates, matches.probabilities.tolist()) == ([-1], [None], [0])
    assert matches.deciders(0) == []


def test_match__thresholds_for_each_label__are_used():
    index = index_of(["a", "b"])
    rows = [[x] for x in (*np.linspace(0.1, 2, 20), *np.linspace(2.1, 4, 20), *np.linspace(100.5, 110, 20))]
    labels = ["a"] * 20 + ["z"] * 20 + ["b"] * 20
    calibration = calibrate(index, rows, labels, per_class=True)
    assert match(index.search([[3.0], [107.0]], k=1), calibration) == [-1, "b"]


def test_label_sets__come_with_coverage_only(index, calibration):
    result = index.search([[1.5]], k=1)
    with pytest.raises(ValueError, match="needs a calibration with prediction sets"):
        match(result, calibration).label_sets()
    rows = [[float(x)] for x in range(10)] + [[100.0 + x] for x in range(10)] + [[30.0]]
    covering = calibrate(index, rows, ["cat"] * 10 + ["dog"] * 10 + ["owl"], coverage=0.9)
    assert match(result, covering).label_sets() == [("cat",)]


@pytest.mark.parametrize("labels", [["a", "b"], [1, 2], [("a", 1), b"b"], [2**53, 2**53 + 1], [True, "True"]], ids=str)
def test_calibration__saved_and_loaded__matches_to_the_bit(labels, rng, tmp_path):
    index = Index(3, "euclidean")
    index.add(rng.normal(size=(80, 3)), [labels[row % 2] for row in range(80)])
    rows, true = rng.normal(size=(300, 3)), [[*labels, "owl"][row % 3] for row in range(300)]
    options = {"k": 7, "matcher": "distance_weighted", "per_class": True, "coverage": 0.5, "extra_metrics": ["npv"]}
    before = calibrate(index, rows, true, {"t": "recall >= 0.3"}, **options)
    before.save(tmp_path / "calibration")
    before.save(tmp_path / "calibration")  # replaces it
    assert [path.name for path in tmp_path.iterdir()] == ["calibration"]
    after = CalibrationResults.open(tmp_path / "calibration")
    assert str(after.cutpoints) == str(before.cutpoints), "as text, in which NaN equals NaN"
    assert list(after.thresholds) == list(before.thresholds)
    for name, values in before.thresholds.items():
        assert values.dtype == after.thresholds[name].dtype
        np.testing.assert_array_equal(values.view(np.uint8), after.thresholds[name].view(np.uint8))
    assert after.conformal == before.conformal
    assert (after.matcher, after.k, after.known, after.unknown) == (before.matcher, 7, 200, 100)
    assert (after.reliability.error, after.reliability.brier) == (before.reliability.error, before.reliability.brier)
    result = index.search(rows, k=7)
    for name in ("optimal", "t"):
        ours, theirs = match(result, before, name), match(result, after, name)
        assert ours == theirs
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
    assert ours.label_sets() == theirs.label_sets()


def test_threshold_itself__is_accepted_after_a_round_trip(index):
    """A distance that has no short decimal form is still at most itself."""
    rows = [[float(np.float32(1) / 3)], [101.7], [140.0]]
    arrays, settings = calibrate(index, rows, ["cat", "dog", "owl"]).to_arrays()
    after = CalibrationResults.from_arrays(arrays, json.loads(json.dumps(settings)))
    assert match(index.search(rows, k=1), after) == ["cat", "dog", -1]


@pytest.mark.parametrize("damage", ["cut", "bit", "other"])
def test_damaged_file__is_an_error(calibration, tmp_path, damage):
    path = tmp_path / "calibration"
    calibration.save(path)
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[: len(content) // 2], "bit": content, "other": b"[1, 2]"}[damage])
    with pytest.raises(CorruptIndexError, match="calibration holds no calibration, or a damaged one"):
        CalibrationResults.open(path)
    with pytest.raises(FileNotFoundError):
        CalibrationResults.open(tmp_path / "none")


def test_newer_format__is_an_error(calibration):
    arrays, settings = calibration.to_arrays()
    with pytest.raises(ValueError, match="calibration of format 2 was found; this version reads format 1"):
        CalibrationResults.from_arrays(arrays, settings | {"format_version": 2})


def test_custom_matcher__must_come_back_with_the_match(index):
    def second_only(codes, distances):
        return np.broadcast_to(np.arange(codes.shape[1]) == 1, codes.shape)

    rows = [[1.0], [2.0], [101.0]]
    calibration = calibrate(index, rows, ["dog", "cat", "cat"], k=2, matcher=second_only)
    result = index.search(rows, k=2)
    with pytest.raises(ValueError, match="`matcher` must be one of"):
        match(result, calibration)
    assert match(result, calibration, matcher=second_only).candidates == ["dog", "dog", "cat"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutpoint": "sur"}, "Did you mean 'sure'"),
        ({"matcher": "majority_vote"}, "must be the calibration's, 'match_nearest': got 'match_majority_vote'"),
        ({"no_match_label": "dog"}, "must be no label of the index: got 'dog'"),
    ],
)
def test_match__bad_options__say_what(index, calibration, options, message):
    with pytest.raises(ValueError, match=message):
        match(index.search([[1.0]], k=2), calibration, **options)


def test_match__another_k__is_an_error_unless_only_the_nearest_counts(index, calibration):
    assert match(index.search([[1.0]], k=2), calibration) == ["cat"]
    votes = calibrate(index, [[1.0], [2.0], [101.0]], ["cat", "dog", "dog"], k=2, matcher="distance_weighted")
    with pytest.raises(ValueError, match="needs 2 neighbours a query, as the calibration had"):
        match(index.search([[1.0]], k=1), votes)
