"""Duplicates, outliers and coverage, on small data worked by hand and beside scikit-learn."""

import itertools
import sys

import numpy as np
import pytest

from keras_similarity.inspection import coverage, find_duplicates, find_outliers, neighbor_graph
from keras_similarity.inspection.outliers import local_outlier_factors
from real_embeddings import fashion_with_copies

pytest.importorskip("pandas")  # the extra `data`; left out of the environment without a framework


def line(places, labels=None, **options):
    return neighbor_graph(np.array(places, float)[:, None], labels, distance="euclidean", **options)


def lines(frame):
    return frame.to_dict("records")


def test_duplicates__relative_to_the_spacing__worked_by_hand():
    # Tenfold spacing right of 100; with k=2 the spacing is the length to the second neighbour.
    graph = line([0, 0.3, 10, 20, 100, 103, 200, 300], list("aabbccdd"), k=2, ids=[f"i{row}" for row in range(8)])
    found = lines(find_duplicates(graph, 0.1))
    assert [(row["group"], row["id"], row["nearest"], row["labels_differ"]) for row in found] == [
        (0, "i0", "i1", False),
        (0, "i1", "i0", False),
        (1, "i4", "i5", False),
        (1, "i5", "i4", False),
    ]
    gaps = [0.3 / np.sqrt(10 * 9.7)] * 2 + [3 / np.sqrt(80 * 83)] * 2
    np.testing.assert_allclose([row["gap"] for row in found], gaps, rtol=1e-5)
    np.testing.assert_allclose([row["distance"] for row in found], [0.3, 0.3, 3, 3], rtol=1e-5)


def test_duplicates__in_units_of_the_distance():
    graph = line([0, 0.3, 10, 20, 100, 103, 200, 300], k=2)
    assert find_duplicates(graph, 0.5, relative=False)["id"].tolist() == [0, 1]
    assert find_duplicates(graph, 4, relative=False)["id"].tolist() == [0, 1, 4, 5]


def test_duplicates__chains_are_one_group__and_labels_that_differ_are_told():
    graph = line([0, 1, 2, 3, 50, 51, 90], [1, 1, 2, 1, 3, 3, 3], k=3)
    found = find_duplicates(graph, 1, relative=False)
    assert found["id"].tolist() == [0, 1, 2, 3, 4, 5] or found["group"].nunique() == 2
    groups = {tuple(part["id"]): set(part["labels_differ"]) for _, part in found.groupby("group")}
    assert groups == {(0, 1, 2, 3): {True}, (4, 5): {False}}


def test_duplicates__exact_copies__are_found_at_any_threshold_and_however_many():
    graph = line([5] * 30 + [7, 9, 11], k=4)
    found = find_duplicates(graph, 0)
    assert found["id"].tolist() == list(range(30))
    assert found["group"].unique().tolist() == [0]
    assert set(found["gap"]) == {0}


def test_duplicates__a_copy_that_is_none_of_its_originals_nearest__is_in_the_group():
    # With k = 1 item 0 sees only item 1; item 2 sees item 0.
    graph = line([0, -1, 1.5, 100, 200], k=1)
    assert find_duplicates(graph, 1.6, relative=False)["id"].tolist() == [0, 1, 2]


def test_duplicates__none__is_an_empty_table_with_the_same_columns():
    found = find_duplicates(line([0, 1, 2, 3]), 0.01)
    assert len(found) == 0
    assert list(found) == ["group", "id", "label", "nearest", "distance", "gap", "labels_differ"]


@pytest.mark.slow
def test_planted_copies_in_real_data__are_found_better_than_by_a_distance_threshold(data_folder, capsys):
    """Precision and recall over pairs, at the default; and at the best threshold each way could have been given."""
    rows, originals = fashion_with_copies(data_folder, 100, seed=0)
    planted = {(int(original), len(rows) - 100 + number) for number, original in enumerate(originals)}
    graph = neighbor_graph(rows, distance="euclidean")

    def quality(threshold, relative):
        found = find_duplicates(graph, threshold, relative=relative)
        groups = [sorted(part["id"].tolist()) for _, part in found.groupby("group")]
        pairs = {pair for group in groups for pair in itertools.combinations(group, 2)}
        hits = len(pairs & planted)
        return hits / max(1, len(pairs)), hits / len(planted)

    def best(thresholds, relative):
        return max((quality(value, relative) for value in thresholds), key=lambda pr: pr[0] * pr[1] / (sum(pr) or 1))

    default, ours = quality(0.35, True), best(np.linspace(0.2, 0.5, 31), True)
    plain = best(np.quantile(graph.lengths[:, 0], np.linspace(0.0005, 0.05, 60)), False)
    with capsys.disabled():
        for name, (precision, recall) in (("default", default), ("best", ours), ("best plain distance", plain)):
            sys.stdout.write(
                f"\n100 near-copies in Fashion-MNIST, {name}: precision {precision:.2f}, recall {recall:.2f}"
            )
    assert ours[0] > plain[0] + 0.1
    assert ours[1] > plain[1] + 0.1
    assert min(default) > 0.5


def test_duplicates__cosine__gaps_are_lengths():
    """The same gaps under cosine as under the Euclidean distance of unit rows, which it is half the square of."""
    rows = np.random.default_rng(2).normal(size=(60, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    by_cosine, by_length = (
        find_duplicates(neighbor_graph(rows, distance=name), 0.6) for name in ("cosine", "euclidean")
    )
    assert by_cosine["id"].tolist() == by_length["id"].tolist() != []
    np.testing.assert_allclose(by_cosine["gap"], by_length["gap"], rtol=1e-4)


@pytest.mark.parametrize("k", [5, 20])
def test_outliers__scores_are_scikit_learns_local_outlier_factors(rng, k):
    neighbors = pytest.importorskip("sklearn.neighbors")
    rows = np.concatenate([rng.normal(size=(150, 3)), 0.1 * rng.normal(size=(50, 3)) + 4, 6 * rng.normal(size=(8, 3))])
    peer = neighbors.LocalOutlierFactor(k).fit(rows)
    graph = neighbor_graph(rows, distance="euclidean", k=k)
    np.testing.assert_allclose(local_outlier_factors(graph), -peer.negative_outlier_factor_, rtol=1e-4)


def test_outliers__the_lonely_one_first():
    found = lines(find_outliers(line([0, 1, 2, 3, 4, 5, 40], list("aaaabbb"), k=3)))
    assert found[0]["id"] == 6
    assert (found[0]["label"], found[0]["nearest"], found[0]["distance"]) == ("b", 5, 35)
    assert found[0]["score"] > 10


def test_outliers__all_items_equal_or_equally_dense__have_factor_1():
    assert len(find_outliers(line([3] * 6, k=2))) == 0
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = neighbor_graph(np.stack([np.cos(angles), np.sin(angles)], axis=1), distance="euclidean", k=4)
    np.testing.assert_allclose(local_outlier_factors(circle), 1, rtol=1e-5)
    assert len(find_outliers(circle, 0)) == 12


def test_coverage__worked_by_hand():
    # a at 0 1 2; b at 3 and 10; c alone at 11; one item without a label at 2.5. Each sees its two nearest.
    graph = line([0, 1, 2, 3, 10, 11, 2.5], ["a", "a", "a", "b", "b", "c", None], k=2)
    found = {row["label"]: row for row in lines(coverage(graph, fewest=2))}
    # a: 0 → 1 2; 1 → 0 2; 2 → 2.5 1. b: 3 → 2.5 2; 10 → 11 3. c: 11 → 10 3.
    assert [found[label]["items"] for label in "abc"] == [3, 2, 1]
    assert [found[label]["recall@1"] for label in "abc"] == pytest.approx([2 / 3, 0, 0])
    assert [found[label]["purity"] for label in "abc"] == pytest.approx([5 / 6, 1 / 4, 0])
    assert [found[label]["spread"] for label in "ab"] == [1, 7]
    assert np.isnan(found["c"]["spread"])
    assert np.isnan(found["a"]["margin"]), "no other label among the neighbours of most"
    assert found["b"]["margin"] == pytest.approx((1 / 7 + 1 / 7) / 2)
    assert [found[label]["thin"] for label in "abc"] == [False, True, True]
    assert coverage(graph)["thin"].tolist() == [True] * 3, "fewer than ten each"


def test_coverage__the_thinnest_first(rng):
    labels = np.repeat(["many", "mixed", "few"], [60, 60, 5])
    rows = rng.normal(size=(125, 2)) + 20 * (labels == "few")[:, None] - 20 * (labels == "many")[:, None]
    rows[60:120] = rows[:60] + 0.01
    assert coverage(neighbor_graph(rows, labels, distance="euclidean"))["label"].tolist()[0] in ("mixed", "many")
    thin = coverage(neighbor_graph(rows[60:], labels[60:], distance="euclidean"))
    assert thin[["label", "thin"]].values.tolist() == [["few", True], ["mixed", False]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda graph: find_duplicates(graph, -1), "`threshold` must be at least 0"),
        (lambda graph: find_duplicates(graph, np.nan), "`threshold` must be at least 0"),
        (lambda graph: find_outliers(graph, np.nan), "`threshold` must be a number"),
        (lambda graph: coverage(graph), "needs labels"),
        (lambda graph: coverage(line([1, 2], ["a", "b"]), fewest=0), "`fewest` must be"),
    ],
)
def test_bad_input__says_what(call, message):
    with pytest.raises(ValueError, match=message):
        call(line([0, 1, 2]))
