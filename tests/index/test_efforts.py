"""The settings that are tried, against their definition, and the least of them, against trying each."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_similarity.index.efforts import effort_ladder, least_effort


@pytest.mark.parametrize(("first", "last"), [(10, 1000), (16, 4096), (1, 1), (1, 7)])
def test_ladder__goes_from_first_to_last_in_small_steps(first, last):
    steps = effort_ladder(first, last)
    assert (steps[0], steps[-1]) == (first, last)  # pgvector refuses more than 1,000
    assert all(low < high <= max(low + 1, low * 33 // 32) for low, high in pairwise(steps))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=120).map(sorted), st.integers(0, 101), st.integers(1, 30))
def test_least_effort__is_the_first_that_finds_enough__or_the_last(recalls, aim, stride):
    efforts = range(len(recalls))
    enough = [effort for effort in efforts if recalls[effort] >= aim]
    expected = enough[0] if enough else efforts[-1]
    tried = []
    found = least_effort(efforts, lambda effort: tried.append(effort) or recalls[effort], aim, stride=stride)
    assert found == (expected, recalls[expected])
    assert max(tried) < expected + stride  # the thorough ones are slow
