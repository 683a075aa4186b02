import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_similarity.index.engines.topk import smallest_columns


@given(st.integers(1, 3), st.integers(1, 2000), st.integers(1, 2000), st.integers(2, 5), st.integers(0, 99))
def test_smallest_columns_equal_a_full_sort(rows, columns, k, distinct, seed):
    values = np.random.default_rng(seed).integers(0, 10**distinct, (rows, columns)).astype(np.float32)
    k = min(k, columns)
    found = smallest_columns(values, k)
    expected = np.sort(values, axis=1)[:, :k]
    assert np.array_equal(np.take_along_axis(values, found, axis=1), expected)
    assert all(len(set(row)) == k for row in found.tolist())
