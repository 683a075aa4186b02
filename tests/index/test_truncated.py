"""An index that keeps the first numbers of its embeddings is asked with whole rows, or with those that it keeps."""

import numpy as np
import pytest

from keras_similarity import Index


@pytest.fixture
def index(rng):
    index = Index(8, truncate_dim=4)
    index.add(rng.normal(size=(20, 8)), [row % 3 for row in range(20)])
    return index


def test_search__by_a_row_that_is_kept__finds_it(index):
    kept = index.arrays().embeddings
    for queries in (kept, list(kept), np.pad(kept, ((0, 0), (0, 4)), constant_values=7)):
        found = index.search(queries, k=2)
        assert found.ids[:, 0].tolist() == list(index)
    assert index.search(index.get([3])[0].embedding[None], k=1).ids.tolist() == [[3]]


@pytest.mark.parametrize("width", [3, 5, 9])
def test_search__another_width__is_named(index, width):
    with pytest.raises(ValueError, match=rf"`queries` needs shape \(n, 8\): got shape \(2, {width}\)"):
        index.search(np.ones((2, width)), k=1)


def test_search__cut_rows_that_are_bad__are_named(index):
    with pytest.raises(ValueError, match=r"`queries`.*row 1 is all zeros"):
        index.search([[1.0, 2.0, 3.0, 4.0], [0.0] * 4], k=1)
    with pytest.raises(ValueError, match=r"`queries`.*row 0 holds nan"):
        index.search([[1.0, 2.0, 3.0, np.nan]], k=1)


def test_add__cut_rows__are_refused(index):
    with pytest.raises(ValueError, match=r"`embeddings` needs shape \(n, 8\): got shape \(1, 4\)"):
        index.add(np.ones((1, 4)))
