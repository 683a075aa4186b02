import math

import numpy as np
import pytest

from keras_similarity.evaluate import compare_clusters, evaluate_clustering, kmeans

ALL = ["nmi", "ami", "ari", "v_measure", "homogeneity", "completeness"]
PEERS = {
    "nmi": "normalized_mutual_info_score",
    "ami": "adjusted_mutual_info_score",
    "ari": "adjusted_rand_score",
    "v_measure": "v_measure_score",
    "homogeneity": "homogeneity_score",
    "completeness": "completeness_score",
}


def test_values_are_those_worked_by_hand():
    # Labels a a a b b; clusters 0 0 1 1 1. Cells: a0 = 2, a1 = 1, b1 = 2.
    found = compare_clusters(list("aaabb"), [0, 0, 1, 1, 1], ALL)
    log = math.log
    entropy = -(0.6 * log(0.6) + 0.4 * log(0.4))  # of both: sizes 3 and 2
    shared = 0.4 * log(0.4 / (0.6 * 0.4)) + 0.2 * log(0.2 / (0.6 * 0.6)) + 0.4 * log(0.4 / (0.4 * 0.6))
    assert found["homogeneity"] == pytest.approx(shared / entropy)
    assert found["completeness"] == pytest.approx(shared / entropy)
    assert found["nmi"] == found["v_measure"] == pytest.approx(shared / entropy)
    # Pairs together in both: a0 has 1, b1 has 1. In each alone: 3 + 1 = 4. Of 10: chance 4 · 4 / 10.
    assert found["ari"] == pytest.approx((2 - 1.6) / (4 - 1.6))


@pytest.mark.parametrize(("count", "classes", "clusters"), [(300, 5, 5), (500, 40, 3), (60, 60, 7), (2000, 12, 30)])
def test_values_are_scikit_learns(rng, count, classes, clusters):
    metrics = pytest.importorskip("sklearn.metrics")
    labels = rng.choice(classes, count, p=rng.dirichlet(np.ones(classes)))
    found = np.where(rng.random(count) < 0.5, labels % clusters, rng.integers(0, clusters, count))
    ours = compare_clusters(labels, found, ALL)
    for name, peer in PEERS.items():
        assert ours[name] == pytest.approx(getattr(metrics, peer)(labels, found), abs=1e-9), name


@pytest.mark.parametrize(
    ("labels", "clusters"), [(["a"] * 4, [1] * 4), (["a"], [0]), (range(6), list("fedcba")), ("aabb", [1, 1, 0, 0])]
)
def test_groupings_that_agree__score_1(labels, clusters):
    assert compare_clusters(list(labels), clusters, ALL) == pytest.approx(dict.fromkeys(ALL, 1.0))


def test_one_cluster_for_all__tells_nothing():
    found = compare_clusters(list("aabb"), [0] * 4, ALL)
    assert found == pytest.approx({**dict.fromkeys(ALL, 0.0), "completeness": 1.0}, abs=1e-12)


def test_chance_corrected_values__are_about_0_for_random_clusters(rng):
    found = [compare_clusters(rng.integers(0, 20, 200), rng.integers(0, 20, 200), ["ami", "ari"]) for _ in range(60)]
    for name in ("ami", "ari"):
        values = [row[name] for row in found]
        assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(60)


def test_blocks__change_nothing(rng, monkeypatch):
    labels, clusters = rng.integers(0, 9, 120), rng.integers(0, 30, 120)
    whole = compare_clusters(labels, clusters, ["ami"])["ami"]
    monkeypatch.setattr("keras_similarity.evaluate.clustering.BLOCK_CELLS", 40)
    assert compare_clusters(labels, clusters, ["ami"])["ami"] == pytest.approx(whole, rel=1e-12)


def blobs(rng, centres=6, count=240):
    places = 10 * rng.normal(size=(centres, 5))
    labels = rng.permutation(np.arange(count) % centres)
    return places[labels] + rng.normal(size=(count, 5)) * 0.5, labels


def test_kmeans__separated_blobs__are_found(rng):
    rows, labels = blobs(rng)
    assert evaluate_clustering(rows, labels, metrics=["ami"]) == {"ami": pytest.approx(1.0)}


def test_kmeans__is_as_tight_as_scikit_learns(rng):
    cluster = pytest.importorskip("sklearn.cluster")
    rows = rng.normal(size=(400, 6))

    def inertia(members):
        return sum(((rows[members == c] - rows[members == c].mean(axis=0)) ** 2).sum() for c in np.unique(members))

    theirs = min(cluster.KMeans(8, n_init=1, random_state=seed).fit(rows).inertia_ for seed in range(8))
    assert inertia(kmeans(rows, 8, restarts=8)) < 1.02 * theirs


def test_kmeans__is_seeded_and_blocks_change_nothing(rng, monkeypatch):
    rows, _ = blobs(rng)
    first = kmeans(rows, 6, seed=4)
    monkeypatch.setattr("keras_similarity.evaluate.k_means.BLOCK_NUMBERS", 50)
    np.testing.assert_array_equal(first, kmeans(rows, 6, seed=4))


@pytest.mark.parametrize("rows", [np.ones((5, 2)), np.eye(5)])
def test_kmeans__equal_rows_and_as_many_clusters_as_rows(rows):
    members = kmeans(rows, 5)
    assert len(np.unique(members)) == len(np.unique(rows, axis=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kmeans(np.ones((3, 2)), 4), r"at most the number of rows: got 4 for 3 rows.\n  Ask for fewer"),
        (lambda: kmeans(np.ones((3, 2)), 0), "`clusters` must be a whole number"),
        (lambda: kmeans(np.full((3, 2), np.nan), 2), "row 0 holds nan"),
        (lambda: compare_clusters([], []), "at least one item"),
        (lambda: compare_clusters(["a", None], [1, 2]), "1 of them None"),
        (lambda: compare_clusters(["a"], [1, 2]), "got 2 entries for 1 rows"),
        (lambda: compare_clusters(["a"], [1], ["purity"]), "`metrics` must be one of"),
        (lambda: evaluate_clustering(np.ones((3, 2)), ["a"]), "got 1 entries for 3 rows"),
    ],
)
def test_bad_input__says_what(call, message):
    with pytest.raises(ValueError, match=message):
        call()
