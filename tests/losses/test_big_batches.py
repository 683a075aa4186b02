import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.losses import CircleLoss, MultiSimilarityLoss, SupConLoss, metric_loss


@pytest.mark.parametrize("loss_class", [CircleLoss, MultiSimilarityLoss, SupConLoss])
def test_call__batch_that_is_cut_into_chunks_unasked__has_the_value_of_one_piece(rng, monkeypatch, loss_class):
    labels = np.repeat(np.arange(12), 4)
    x = rng.normal(size=(48, 5)).astype(np.float32)
    whole = loss_class(reduction="none")(labels, ops.convert_to_tensor(x))
    monkeypatch.setattr(metric_loss, "BIG_BATCH", 40)
    monkeypatch.setattr(metric_loss, "CACHED_ROWS", 10)
    used = []
    monkeypatch.setattr(metric_loss, "_in_chunks", lambda *a, f=metric_loss._in_chunks: used.append(a[-1]) or f(*a))
    parts = loss_class(reduction="none")(labels, ops.convert_to_tensor(x))
    np.testing.assert_allclose(ops.convert_to_numpy(parts), ops.convert_to_numpy(whole), rtol=1e-5)
    assert used == ([] if keras.backend.backend() == "torch" else [10])
