"""An index takes the tensors of whatever framework is there, as it takes arrays."""

import numpy as np
from keras import ops

from keras_similarity import Index


def test_tensors__are_added_and_searched_as_arrays_are(rng):
    x = rng.normal(size=(20, 4)).astype(np.float32)
    labels = np.arange(20) % 3
    rows = ops.convert_to_tensor(x)
    if hasattr(rows, "requires_grad_"):  # torch: as a model's output is
        rows.requires_grad_()
    index = Index(4, "cosine")
    index.add(rows, ops.convert_to_tensor(labels), ids=ops.convert_to_tensor(np.arange(20) + 100), data=rows)
    of_arrays = Index(4, "cosine")
    of_arrays.add(x, labels, ids=np.arange(20) + 100, data=x)
    found, expected = index.search(rows[:5], k=3), of_arrays.search(x[:5], k=3)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.distances, expected.distances)
    assert found.labels.tolist() == expected.labels.tolist()
    assert isinstance(index.get([100])[0].label, int)
    np.testing.assert_array_equal(index.get([107])[0].data, x[7])
