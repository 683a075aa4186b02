import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity.ops import each_positive, gap_sums, smooth_ranks

LABELS = np.array([0, 1, 0, 2, 1, 0, 1, 1])


@pytest.fixture
def batch(rng):
    """Distances of 8 anchors to 8 keys, and which keys are positives and negatives."""
    same = LABELS[:, None] == LABELS[None]
    return rng.uniform(0, 2, (8, 8)), rng.uniform(0, 2, (8, 8)), same & ~np.eye(8, dtype=bool), ~same


def slow_gap_sums(distances, between, positives, others):
    sums = np.zeros(distances.shape)
    for a, p in np.argwhere(positives):
        for n in np.flatnonzero(others[a]):
            far = distances[a, n] if between is None else min(distances[a, n], between[p, n])
            sums[a, p] += np.log1p(np.exp(distances[a, p] - far))
    return sums


def fast_gap_sums(distances, between, positives, others):
    return gap_sums(distances, ops.array(positives), ops.array(others), ops.softplus, ops.sigmoid, between)


def test_each_positive_sees_every_positive_once(batch):
    _, _, positives, _ = batch
    seen = each_positive(lambda here, seen: seen + ops.cast(here, "int32"), ops.zeros((8, 8), "int32"), positives)
    assert np.array_equal(ops.convert_to_numpy(seen), positives)


def test_each_positive_sees_one_a_row_at_a_time(batch):
    def most(here, largest):
        return ops.maximum(largest, ops.max(ops.sum(ops.cast(here, "int32"), axis=1)))

    assert int(each_positive(most, ops.zeros((), "int32"), ops.array(batch[2]))) == 1


@pytest.mark.parametrize("swap", [False, True])
def test_gap_sums_equal_the_loops(batch, swap):
    distances, between, positives, others = batch
    between = between if swap else None
    fast = fast_gap_sums(*(None if m is None else ops.array(m, "float32") for m in (distances, between)), *batch[2:])
    expected = slow_gap_sums(distances, between, positives, others)
    np.testing.assert_allclose(ops.convert_to_numpy(fast), expected, rtol=1e-5)


@pytest.mark.parametrize("swap", [False, True])
def test_gradients_of_gap_sums_equal_those_of_the_loops(batch, swap, rng):
    distances, between, positives, others = batch
    pull = rng.normal(size=(8, 8))
    both, weights = np.stack([distances, between]), ops.array(pull, "float32")
    _, gradient = value_and_gradient(
        lambda m: ops.sum(fast_gap_sums(m[0], m[1] if swap else None, positives, others) * weights),
        both.astype(np.float32),
    )
    expected = finite_difference(
        lambda m: (slow_gap_sums(m[0], m[1] if swap else None, positives, others) * pull).sum(), both
    )
    assert expected[0].any()
    assert bool(expected[1].any()) == swap
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_smooth_ranks_at_temperature_0_are_ranks(batch):
    distances, _, positives, negatives = batch
    others = positives | negatives
    ranks = ops.convert_to_numpy(smooth_ranks(ops.array(distances, "float32"), positives, others, 1e-7))
    for a, p in np.argwhere(positives):
        assert ranks[a, p] == pytest.approx(1 + (others[a] & (distances[a] < distances[a, p])).sum())
