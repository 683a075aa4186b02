import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from gradients import value_and_gradient
from keras_similarity import ops as ours

MASK = np.array([[True, False, True, False], [False, False, False, False], [True, True, False, True]])


@pytest.fixture
def logits(rng):
    return rng.normal(scale=20, size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize("bound", [math.inf, 60.0])
def test_split_log_sum_exp_equals_two_sums(logits, bound):
    logits = np.clip(logits, -60, 60)
    first, second = ours.split_log_sum_exp(ops.array(logits), ops.array(MASK), ops.array(~MASK), bound)
    for values, mask in ((first, MASK), (second, ~MASK)):
        wide = np.where(mask, logits.astype(np.float64), -np.inf)
        expected = np.log(np.exp(wide).sum(axis=1), out=np.full(3, -1e9), where=mask.any(axis=1))
        values = np.maximum(ops.convert_to_numpy(values), -1e9)  # of nothing, it may be lower
        np.testing.assert_allclose(values, expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e4, -1e4])
def test_sums_of_exponentials_do_not_overflow(logits, scale):
    """Not even through the entries that no choice holds, whose gradient is 0."""
    second = np.array([[False] * 4, [True, False, False, False], [False] * 4])

    def function(x):
        parts = ours.split_log_sum_exp(scale * x, ops.array(MASK), ops.array(second))
        return ops.sum(ops.softplus(parts[0])) + ops.sum(ops.softplus(parts[1]))

    value, gradient = value_and_gradient(function, logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert not gradient[~(MASK | second)].any()


def test_logs_of_sums__move_with_each_entry_of_a_choice_by_its_share_and_with_no_other(logits):
    def function(x):
        first, second = ours.split_log_sum_exp(x, ops.array(MASK), ops.array(~MASK))
        return ops.sum(first) + 3.0 * ops.sum(second)

    powers = np.exp(logits.astype(np.float64))
    shares = [powers * mask / np.maximum((powers * mask).sum(axis=1, keepdims=True), 1e-300) for mask in (MASK, ~MASK)]
    np.testing.assert_allclose(value_and_gradient(function, logits)[1], shares[0] + 3 * shares[1], rtol=1e-4, atol=1e-6)


def test_reductions_of_nothing_are_0_with_zero_gradient(logits):
    nothing = ops.array(np.zeros((3, 4), bool))
    for function in (ours.masked_row_mean, ours.masked_row_sum, ours.masked_log1p_sum_exp):
        value, gradient = value_and_gradient(lambda x, f=function: ops.sum(f(x, nothing)), logits)
        assert float(value) == 0
        assert not gradient.any()


def test_row_means_and_sums(logits):
    means, sums = (ops.convert_to_numpy(f(logits, MASK)) for f in (ours.masked_row_mean, ours.masked_row_sum))
    expected = [logits[0, [0, 2]].mean(), 0, logits[2, [0, 1, 3]].mean()]
    np.testing.assert_allclose(means, expected, rtol=1e-5)
    np.testing.assert_allclose(sums, np.array(expected) * [2, 0, 3], rtol=1e-5)


def test_safe_sqrt_has_no_slope_at_0():
    value, gradient = value_and_gradient(lambda x: ops.sum(ours.safe_sqrt(x)), np.array([0, -1e-7, 4], np.float32))
    assert float(value) == 2
    assert gradient.tolist() == [0, 0, 0.25]


@pytest.mark.parametrize("labels", [[3, 1, 3, 3, 7, 1], [2**31 - 1, -5, -5, 0, 0, 0], [4] * 6], ids=str)
def test_pair_counts_are_the_sums_of_the_masks(labels):
    codes = ops.array(labels, "int32")
    for count, mask in zip(ours.pair_counts(codes), ours.pair_masks(codes), strict=True):
        assert ops.convert_to_numpy(count).tolist() == ops.convert_to_numpy(mask).sum(axis=1).tolist()


@given(values=arrays(np.int32, st.sampled_from([1, 2, 7, 40]), elements=st.integers(-5, 5)), behind=st.booleans())
@settings(max_examples=50, deadline=None)
def test_places_among_are_those_of_a_search(values, behind):
    ascending = np.sort(values)
    wanted = np.arange(-6, 7, dtype=np.int32)
    found = ours.places_among(ops.convert_to_tensor(ascending), ops.convert_to_tensor(wanted), behind=behind)
    expected = np.searchsorted(ascending, wanted, side="right" if behind else "left")
    np.testing.assert_array_equal(ops.convert_to_numpy(found), expected)


@pytest.mark.parametrize("far", [2e9, 1e15, 1e17])
def test_far_values__are_still_found_and_summed(far):
    values, chosen = ops.array([[far, 2 * far, -far, -2 * far]], "float32"), ops.array([[True, True, False, False]])
    others = ops.logical_not(chosen)
    assert float(ours.masked_min(values, chosen)[0]) == pytest.approx(far)
    assert float(ours.masked_max(values, others)[0]) == pytest.approx(-far)
    sums = ours.split_log_sum_exp(values, chosen, others)
    assert [float(each[0]) for each in sums] == pytest.approx([2 * far, -far])
