"""Thresholds, against loops over every threshold, and on real data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.calibrate import calibrate
from keras_similarity.evaluate import classification_metric_names, evaluate_classification
from real_embeddings import fashion_embeddings


def line(labels):
    """An index of items at 0, 100, 200, … with these labels."""
    index = Index(1, "euclidean")
    index.add(100.0 * np.arange(len(labels))[:, None], labels)
    return index


def at(distances, items):
    """Queries at these distances from these items."""
    return (100.0 * np.asarray(items) + np.asarray(distances, np.float64))[:, None]


# Six queries: nearest "a" at 1, 2, 3, 4, 5, 6; true labels a a b a z a: z is unknown.
DISTANCES, TRUE = [1, 2, 3, 4, 5, 6], list("aabaza")


@pytest.fixture
def index():
    return line(["a", "b"])


def test_thresholds_and_optimum_are_those_worked_by_hand(index):
    found = calibrate(index, at(DISTANCES, [0] * 6), TRUE, extra_metrics=["precision", "recall", "fpr"])
    # Known: a a b a a. Accepted right at 1..6: 1 2 2 3 3 4.
    np.testing.assert_array_equal(found.thresholds["distance"], DISTANCES)
    np.testing.assert_allclose(found.thresholds["precision"], [1, 1, 2 / 3, 3 / 4, 3 / 5, 4 / 6])
    np.testing.assert_allclose(found.thresholds["recall"], [1 / 5, 2 / 5, 2 / 5, 3 / 5, 3 / 5, 4 / 5])
    np.testing.assert_allclose(found.thresholds["fpr"], [0, 0, 0, 0, 1, 1])
    f1 = [2 * r / (n + 5) for n, r in enumerate([1, 2, 2, 3, 3, 4], start=1)]
    np.testing.assert_allclose(found.thresholds["f1"], f1)
    np.testing.assert_allclose(found.thresholds["value"], f1)
    assert found.cutpoints == {
        "optimal": {
            "name": "optimal",
            "distance": 6.0,
            "target": None,
            "value": pytest.approx(8 / 11),
            "f1": pytest.approx(8 / 11),
            "precision": pytest.approx(4 / 6),
            "recall": pytest.approx(4 / 5),
            "fpr": 1,
        }
    }
    assert (found.known, found.unknown, found.k, found.distance) == (5, 1, 1, "euclidean")


@pytest.mark.parametrize(
    ("target", "distance"),
    [
        ("precision >= 0.9", 2),  # the loosest of 1, 2
        ("precision >= 0.7", 4),  # though 3 has less
        ("recall >= 0.4", 2),  # the strictest that reaches it
        ("recall ≥ 0.41", 4),
        ("fpr <= 0.5", 4),  # the loosest
        ("recall <= 0.4", 3),  # the loosest: loosening threatens a maximum of what rises
        ("f1 >= 0.6", 4),  # 6/9: the strictest
        (0.6, 4),
        ("accuracy >= 0.5", 2),  # (2 + 1) / 6, the strictest
    ],
)
def test_targets__minimum_or_maximum_of_any_metric(index, target, distance):
    found = calibrate(index, at(DISTANCES, [0] * 6), TRUE, {"wanted": target})
    assert found.cutpoints["wanted"]["distance"] == distance


def test_target_of_a_minimised_metric__is_a_maximum(index):
    """Upstream asked for fpr >= 0.1, and found no cutpoint although fpr 0 was there."""
    found = calibrate(index, at(DISTANCES, [0] * 6), TRUE, {"strict": 0.1}, calibration_metric="fpr")
    assert found.cutpoints["strict"] | {"fpr": 0.0, "distance": 4.0} == found.cutpoints["strict"]
    assert found.cutpoints["optimal"]["distance"] == 4
    assert found.cutpoints["strict"]["target"] == "fpr <= 0.1"


def test_unreachable_targets__say_what_is_the_best_reachable(index):
    """Upstream left them out without a word."""
    with pytest.raises(ValueError, match="asks for what no threshold reaches") as error:
        calibrate(index, at(DISTANCES, [0] * 6), TRUE, {"sure": "recall >= 0.9", "ok": 0.5, "no": "npv >= 0.9"})
    assert "'sure' wants recall >= 0.9, and the best is 0.8, at distance 6.0" in str(error.value)
    assert "'no' wants npv >= 0.9, and the best is 0.5, at distance 4.0" in str(error.value)
    assert "'ok'" not in str(error.value)


cases = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 6), st.sampled_from(["a", "b", "c", "z", None])),
    min_size=4,
    max_size=25,
)


@given(cases, st.sampled_from(classification_metric_names()), st.floats(0, 1))
@settings(max_examples=120, deadline=None)
def test_cutpoints__equal_a_search_through_every_threshold(queries, metric, value):
    index = line(["a", "b", "c"])
    items, distances, labels = zip(*[*queries, (0, 3, "a"), (1, 4, "z"), (1, 2, "c")], strict=True)
    rows, labels = at(distances, items), list(labels)

    def value_at(threshold):
        return evaluate_classification(index, rows, labels, {"t": threshold}, [metric])["t"][metric]

    thresholds = sorted({float(distance) for distance in distances})
    values = [value_at(threshold) for threshold in thresholds]
    smaller = metric == "fpr"
    best = (min if smaller else max)(value for value in values if value == value)
    found = calibrate(index, rows, labels, calibration_metric=metric)
    assert found.cutpoints["optimal"]["distance"] == max(
        t for t, v in zip(thresholds, values, strict=True) if v == best
    )
    meeting = [t for t, v in zip(thresholds, values, strict=True) if (v <= value if smaller else v >= value)]
    if meeting:
        loosest = metric in ("precision", "fpr")
        cutpoint = calibrate(index, rows, labels, {"t": value}, calibration_metric=metric).cutpoints["t"]
        assert cutpoint["distance"] == (max if loosest else min)(meeting)
        assert cutpoint["value"] == cutpoint[metric] == value_at(cutpoint["distance"])
    else:
        with pytest.raises(ValueError, match="no threshold reaches"):
            calibrate(index, rows, labels, {"t": value}, calibration_metric=metric)


def test_hidden_classes__stand_for_unknown_ones(rng):
    places, labels = rng.normal(size=(60, 2)), rng.choice(["a", "b", "c"], 60).tolist()
    rows, true = rng.normal(size=(40, 2)), rng.choice(["a", "b", "c"], 40).tolist()
    whole, without = Index(2, "euclidean"), Index(2, "euclidean")
    whole.add(places, labels)
    kept = [row for row in range(60) if labels[row] != "b"]
    without.add(places[kept], [labels[row] for row in kept])
    options = {"extra_metrics": ["fpr", "npv"], "k": 3, "matcher": "majority_vote"}
    hidden = calibrate(whole, rows, true, unknown_classes=["b"], **options)
    absent = calibrate(without, rows, true, **options)
    assert hidden.cutpoints == absent.cutpoints
    assert hidden.unknown == true.count("b") > 0
    for name, values in hidden.thresholds.items():
        np.testing.assert_array_equal(values, absent.thresholds[name])


def test_own_items_by_id__calibrate_as_if_each_were_new(rng):
    rows, labels = rng.normal(size=(30, 2)), rng.choice(["a", "b"], 30).tolist()
    index = Index(2, "euclidean")
    ids = index.add(rows, labels)
    found = calibrate(index, rows, labels, ids=ids)
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(
        found.thresholds["distance"], np.unique(distances.min(axis=1).astype(np.float32)), rtol=1e-5
    )


def test_thresholds_for_each_label__are_those_of_its_own_decisions():
    """Label a is dense, b is sparse: one threshold cannot serve both."""
    index = line(["a", "b"])
    near = np.arange(1, 26)
    rows = np.concatenate([at(near / 10, [0] * 25), at(2.6 + near / 10, [0] * 25), at(near, [1] * 25)])
    labels = ["a"] * 25 + ["z"] * 25 + ["b"] * 25
    found = calibrate(index, rows, labels, {"pure": "precision >= 1"}, per_class=True)
    for name in ("optimal", "pure"):
        assert found.cutpoints[name]["class_distances"] == {"a": pytest.approx(2.5), "b": 25.0}
    assert found.cutpoints["pure"]["distance"] == pytest.approx(2.5)
    scores = evaluate_classification(index, rows, labels, found.cutpoints, ["precision", "recall"])
    assert scores["pure"] | {"precision": 1, "recall": 1} == scores["pure"]


def test_thresholds_for_each_label__few_decisions_or_out_of_reach__leave_it_to_the_common_one():
    index = line(["a", "b", "c"])
    rows = np.concatenate(
        [at(np.arange(1, 26), [0] * 25), at(np.arange(1, 20), [1] * 19), at(np.arange(1, 26), [2] * 25)]
    )
    labels = ["a"] * 25 + ["b"] * 19 + ["z"] + ["c"] * 24
    found = calibrate(index, rows, labels, {"pure": "precision >= 0.97"}, per_class=True)
    assert set(found.cutpoints["optimal"]["class_distances"]) == {"a", "c"}, "19 decisions for b are too few"
    assert found.cutpoints["pure"]["class_distances"] == {"a": 25.0}, "c reaches 24/25"


def test_open_set_calibration__on_real_data__keeps_its_promise_on_fresh_queries(data_folder):
    """FPR ≤ 5% against two held-out classes holds on other queries of them, up to chance."""
    rows, labels = fashion_embeddings(data_folder)
    index = Index(rows.shape[1], "euclidean")
    index.add(rows[:4000], labels[:4000])
    options = {"unknown_classes": [7, 8], "extra_metrics": ["fpr", "recall"]}
    target = {"strict": "fpr <= 0.05"}
    found = calibrate(index, rows[4000:7000], labels[4000:7000], target, **options)
    known = Index(rows.shape[1], "euclidean")
    seen = ~np.isin(labels[:4000], [7, 8])
    known.add(rows[:4000][seen], labels[:4000][seen])
    scores = evaluate_classification(known, rows[7000:], labels[7000:], found.cutpoints, ["fpr", "recall"])["strict"]
    unknown = np.isin(labels[7000:], [7, 8]).sum()
    assert found.cutpoints["strict"]["fpr"] <= 0.05
    assert scores["fpr"] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / unknown)
    assert scores["recall"] == pytest.approx(found.cutpoints["strict"]["recall"], abs=0.03)


def test_all_distances_equal__one_threshold_and_a_warning(index, caplog):
    found = calibrate(index, at([3, 3, 3], [0, 0, 1]), ["a", "b", "b"])
    assert found.thresholds["distance"].tolist() == [3]
    assert "all decisions have one distance" in caplog.text


def test_no_decision_wrong__a_warning(index, caplog):
    found = calibrate(index, at([3, 4], [0, 1]), ["a", "b"])
    assert found.cutpoints["optimal"]["distance"] == 4
    assert "no decision was wrong" in caplog.text


def test_k_beyond_the_neighbours_present__decides_by_those_there_are(index):
    few = calibrate(index, at(DISTANCES, [0] * 6), TRUE, k=2, matcher="distance_weighted")
    many = calibrate(index, at(DISTANCES, [0] * 6), TRUE, k=9, matcher="distance_weighted")
    np.testing.assert_array_equal(few.thresholds["distance"], many.thresholds["distance"])
    assert few.cutpoints == many.cutpoints


def test_gallery_items_without_a_label__decide_nothing():
    index = line(["a", None, "b"])
    found = calibrate(index, at([1, 2, 3, 1], [0, 0, 2, 1]), ["a", "b", "b", "a"])
    assert found.thresholds["distance"].tolist() == [1, 2, 3]
    assert found.thresholds["recall"].tolist() == [1 / 4, 1 / 4, 2 / 4]


@pytest.mark.parametrize(
    ("index_labels", "labels", "options", "message"),
    [
        ([1, 2], ["1", "2"], {}, r"none of the 2 has one; they are such as '1' \(str\), the index's such as 1 \(int\)"),
        (["a", "b"], [None, "z"], {}, "none of the 2 has one"),
        (["a", "b"], ["a", "a"], {"calibration_metric": "fpr"}, "fpr need queries of unknown classes"),
        (["a", "b"], ["a", "b"], {"extra_metrics": ["npv"]}, "npv need queries of unknown classes"),
        (["a", "b"], ["a", "b"], {"thresholds_targets": {"t": "fpr <= 0.1"}}, "fpr need queries of unknown classes"),
        (["a", "b"], ["a", "b"], {"unknown_classes": ["a", "b"]}, "none of the 2 has one"),
        (["a", "a"], ["a", "a"], {}, "index and queries are of one class"),
        ([None, None, "a"], ["a", "a"], {}, "no query has one"),
        (["a", "b"], ["a"], {}, "got 1 entries for 2 rows"),
        (["a", "b"], ["a", "b"], {"thresholds_targets": {"t": "precision > 0.9"}}, "got 'precision > 0.9' for 't'"),
        (["a", "b"], ["a", "b"], {"thresholds_targets": {"t": 95}}, r"values in \[0, 1\]: got 95 for 't'"),
        (["a", "b"], ["a", "b"], {"thresholds_targets": {"t": True}}, "got True for 't'"),
        (["a", "b"], ["a", "b"], {"thresholds_targets": {"optimal": 0.9}}, "cannot name a cutpoint 'optimal'"),
        (["a", "b"], ["a", "b"], {"thresholds_targets": {"t": "precisoin >= 0.9"}}, "Did you mean 'precision'"),
        (["a", "b"], ["a", "b"], {"calibration_metric": "auc"}, "`metric` must be one of"),
        (["a", "b"], ["a", "b"], {"k": 0}, "`k` must be"),
        (["a", "b"], ["a", "b"], {"coverage": 1}, "`coverage` must lie between 0 and 1"),
        (["a", "b"], ["a", "b"], {"coverage": 0.9}, "out of reach: with k=1 and 2 queries of known classes, 0.6667 is"),
    ],
)
def test_bad_input__says_what(index_labels, labels, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(line(index_labels), at([1, 2], [0, 1]), labels, **options)


def test_nan_embedding__is_an_error(index):
    with pytest.raises(ValueError, match="row 0 holds nan"):
        calibrate(index, [[np.nan]], ["a"])
