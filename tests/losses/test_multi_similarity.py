import numpy as np
import pytest
from keras import ops

from keras_similarity.losses import MultiSimilarityLoss, multi_similarity
from oracles.similarities import multi_similarity as oracle


@pytest.fixture
def batch(rng):
    """Unequal classes, one of them a singleton, rows of any length."""
    labels = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 0, 1]
    return labels, rng.normal(size=(12, 5)) * rng.uniform(0.5, 3, (12, 1))


def test_mean_is_over_the_anchors_that_contribute(batch):
    labels, x = batch
    expected = oracle(labels, x).sum() / 11  # the singleton is no anchor
    assert float(MultiSimilarityLoss()(labels, ops.convert_to_tensor(x, "float32"))) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("epsilon", [None, 0.1])
def test_value_equals_pytorch_metric_learnings(rng, epsilon):
    torch = pytest.importorskip("torch")  # the peer needs it; `make test-all` has it
    miners = pytest.importorskip("pytorch_metric_learning.miners")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    labels, x = np.repeat(np.arange(8), 4), rng.normal(size=(32, 16)).astype(np.float32)
    peer = losses.MultiSimilarityLoss(alpha=2, beta=40, base=0.5)
    pairs = miners.MultiSimilarityMiner(epsilon)(torch.tensor(x), torch.tensor(labels)) if epsilon else None
    ours = MultiSimilarityLoss(epsilon=epsilon)(labels, ops.convert_to_tensor(x))
    assert float(ours) == pytest.approx(float(peer(torch.tensor(x), torch.tensor(labels), pairs)), abs=1e-5)


def test_perfect_embeddings__pull_nothing_when_mined():
    x = np.eye(3)[[0, 0, 1, 1, 2, 2]].astype(np.float32)
    assert ops.convert_to_numpy(multi_similarity([0, 0, 1, 1, 2, 2], x)).tolist() == [0.0] * 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0}, "`alpha` must be above 0: got 0"),
        ({"beta": -1.0}, "`beta` must be above 0: got -1.0"),
        ({"epsilon": -0.1}, "`epsilon` must be at least 0: got -0.1"),
        ({"distance": "cosin"}, "Did you mean 'cosine'"),
        (
            {"reduction": "avg"},
            "`reduction` must be one of 'mean', 'mean_classes', 'mean_pairs', 'none', 'sum': got 'avg'",
        ),
    ],
)
def test_bad_settings__are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        MultiSimilarityLoss(**settings)
