"""Decisions of neighbours, against a loop over queries that counts votes one by one."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index, SearchResult
from keras_similarity.evaluate import decide, get_matcher, label_votes, matcher_names

INF = np.inf


def result_of(labels, distances):
    """A search result with these labels (None for none) and distances."""
    table = np.empty((len(labels), len(labels[0])), object)
    for row, values in enumerate(labels):
        table[row] = values
    distances = np.array(distances, np.float32)
    ids = np.where(np.isfinite(distances), np.arange(distances.size).reshape(distances.shape), -1)
    return SearchResult(ids, distances, table, lambda row, column: None)


def loop(labels, distances, name):
    """(label, distance, who voted for it) of one query."""
    present = [d for d in distances if d < INF]
    weights = []
    for rank, distance in enumerate(distances):
        weight = {
            "match_nearest": float(rank == 0),
            "match_majority_vote": 1.0,
            "match_distance_weighted": 1.0
            if not present or max(present) == min(present)
            else (max(present) - distance) / (max(present) - min(present)),
        }[name]
        weights.append(weight if distance < INF and labels[rank] is not None else 0.0)
    votes = defaultdict(float)
    for label, weight in zip(labels, weights, strict=True):
        votes[label] += weight
    if max(votes.values()) == 0:
        return None, INF, []
    most = max(votes.values())
    label = next(label for label in labels if votes[label] == most)
    voters = [rank for rank in range(len(labels)) if labels[rank] == label and weights[rank] > 0]
    mean = sum(weights[rank] * distances[rank] for rank in voters) / sum(weights[rank] for rank in voters)
    return label, mean, voters


rows = st.integers(1, 6).flatmap(
    lambda k: st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "c", None]), min_size=k, max_size=k),
            st.lists(st.integers(-4, 9), min_size=k, max_size=k).map(sorted),
            st.integers(0, k),
        ),
        min_size=1,
        max_size=5,
    )
)


@given(rows, st.sampled_from(matcher_names()))
@settings(max_examples=150, deadline=None)
def test_decide__equals_the_loop(queries, name):
    labels, distances = [], []
    for row_labels, row_distances, missing in queries:
        k = len(row_labels)
        labels.append([*row_labels[: k - missing], *[None] * missing])
        distances.append([*map(float, row_distances[: k - missing]), *[INF] * missing])
    decisions = decide(result_of(labels, distances), get_matcher(name))
    for row, (row_labels, row_distances) in enumerate(zip(labels, distances, strict=True)):
        label, distance, voters = loop(row_labels, row_distances, name)
        assert decisions.labels()[row] == label
        assert decisions.distances[row] == pytest.approx(distance, rel=1e-6)
        assert np.flatnonzero(decisions.voters[row]).tolist() == voters


def test_majority__distance_is_that_of_the_winners__not_of_all():
    """Upstream averaged over all k neighbours, so that a far loser moved it, and a missing one made it inf."""
    decisions = decide(result_of([["a", "b", "a", None]], [[0.1, 0.2, 0.3, INF]]), get_matcher("majority_vote"))
    assert decisions.labels() == ["a"]
    assert decisions.distances[0] == pytest.approx(0.2)


def test_votes_tie__the_label_of_the_nearest_wins():
    decisions = decide(result_of([["b", "a", "a", "b"]], [[1, 2, 3, 4]]), get_matcher("majority_vote"))
    assert decisions.labels() == ["b"]


def test_distance_weighted__near_votes_outweigh_many_far_ones():
    # Weights 1, 0.1, 0.05, 0 of distances 0, 0.9, 0.95, 1.
    decisions = decide(result_of([["a", "b", "b", "b"]], [[0, 0.9, 0.95, 1]]), get_matcher("distance_weighted"))
    assert decisions.labels() == ["a"]
    assert decisions.distances[0] == 0


def test_custom_matcher__weighs_by_label_and_distance():
    def only_even_ranks(codes, distances):
        return np.broadcast_to(np.arange(codes.shape[1]) % 2 == 0, codes.shape)

    decisions = decide(result_of([["a", "b", "b", "b"]], [[1, 2, 3, 4]]), get_matcher(only_even_ranks))
    assert decisions.labels() == ["a"]
    assert get_matcher(only_even_ranks).custom
    assert get_matcher(only_even_ranks).name == "only_even_ranks"


@pytest.mark.parametrize(
    "weights", [np.ones(3), -np.ones((1, 3)), np.full((1, 3), np.nan)], ids=["shape", "negative", "nan"]
)
def test_custom_matcher__bad_weights__are_an_error(weights):
    with pytest.raises(ValueError, match="must return a finite weight of at least 0"):
        decide(result_of([["a", "b", "b"]], [[1, 2, 3]]), get_matcher(lambda codes, distances: weights))


def test_int_labels__decide_as_objects_do(rng):
    index = Index(2, "euclidean")
    index.add(rng.normal(size=(50, 2)), rng.integers(0, 4, 50))
    result = index.search(rng.normal(size=(20, 2)), k=7)
    assert result.labels.dtype == np.int64
    as_objects = result_of(result.labels.tolist(), result.distances)
    for name in matcher_names():
        ours, theirs = decide(result, get_matcher(name)), decide(as_objects, get_matcher(name))
        assert ours.labels() == theirs.labels()
        np.testing.assert_array_equal(ours.distances, theirs.distances)


def test_label_votes__are_shares_of_the_weight():
    codes, shares, vocabulary = label_votes(
        result_of([["a", "b", "a", None], ["c", None, None, None]], [[0, 1, 2, 4], [3, INF, INF, INF]]),
        get_matcher("majority_vote"),
    )
    assert codes.tolist() == [[0, 1, 0, -1], [2, -1, -1, -1]]
    assert vocabulary.labels == ["a", "b", "c"]
    np.testing.assert_allclose(shares[:, 0], [2 / 3, 1])
    assert shares[0, 1] == pytest.approx(1 / 3)


def test_nan_distance__is_an_error():
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        decide(result_of([["a"], ["b"]], [[1], [np.nan]]), get_matcher("nearest"))


def test_unknown_matcher__suggests_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'match_majority_vote'"):
        get_matcher("match_majority")


def test_accepted__one_threshold_or_one_a_label__to_the_bit():
    distances = np.array([[0.3], [0.3], [0.7], [INF]], np.float32)
    decisions = decide(result_of([["a"], ["b"], ["c"], [None]], distances), get_matcher("nearest"))
    assert decisions.accepted(float(np.float32(0.3))).tolist() == [True, True, False, False]
    assert decisions.accepted(float(np.nextafter(np.float32(0.3), np.float32(0)))).tolist() == [False] * 4
    assert decisions.accepted(INF).tolist() == [True, True, True, False]
    cutpoint = {"distance": 0.5, "class_distances": {"b": 0.1, "c": 0.8, "absent": 9.0}}
    assert decisions.accepted(cutpoint).tolist() == [True, False, True, False]
