import math

import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity.losses import MultiSimilarityLoss, multi_similarity


def slow_multi_similarity(labels, embeddings, alpha=2.0, beta=40.0, epsilon=0.1, lmda=0.5):
    """arXiv:1904.06627, mining (8) and (9), loss (10), over cosine similarities, one pair at a time."""
    values = []
    for i, anchor in enumerate(embeddings):

        def cosine(j, anchor=anchor):
            return anchor @ embeddings[j] / math.sqrt((anchor @ anchor) * (embeddings[j] @ embeddings[j]))

        positives = [cosine(j) for j in range(len(labels)) if labels[j] == labels[i] and j != i]
        negatives = [cosine(j) for j in range(len(labels)) if labels[j] != labels[i]]
        if not positives or not negatives:
            values.append(0.0)
            continue
        hard_positives, hard_negatives = positives, negatives
        if epsilon is not None:
            hard_positives = [s for s in positives if s < max(negatives) + epsilon]
            hard_negatives = [s for s in negatives if s > min(positives) - epsilon]
        pull = math.log(1 + sum(math.exp(-alpha * (s - lmda)) for s in hard_positives)) / alpha
        push = math.log(1 + sum(math.exp(beta * (s - lmda)) for s in hard_negatives)) / beta
        values.append(pull + push)
    return np.array(values)


@pytest.fixture
def batch(rng):
    """Unequal classes, one of them a singleton, rows of any length."""
    labels = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 0, 1]
    return labels, rng.normal(size=(12, 5)) * rng.uniform(0.5, 3, (12, 1))


SETTINGS = [{}, {"epsilon": None}, {"alpha": 1.0, "beta": 50.0, "epsilon": 0.3, "lmda": 0.2}]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_values_equal_the_paper(batch, settings):
    labels, x = batch
    values = ops.convert_to_numpy(multi_similarity(labels, x.astype(np.float32), **settings))
    np.testing.assert_allclose(values, slow_multi_similarity(labels, x, **settings), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_gradient_equals_the_papers(batch, settings):
    labels, x = batch
    loss = MultiSimilarityLoss(reduction="sum", **settings)
    _, gradient = value_and_gradient(lambda e: loss(labels, e), x.astype(np.float32))
    expected = finite_difference(lambda e: slow_multi_similarity(labels, e, **settings).sum(), x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def test_mean_is_over_the_anchors_that_contribute(batch):
    labels, x = batch
    expected = slow_multi_similarity(labels, x).sum() / 11  # the singleton is no anchor
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
        ({"epsilon": -0.1}, "`epsilon` must be at least 0, or None: got -0.1"),
        ({"distance": "cosin"}, "Did you mean 'cosine'"),
        ({"reduction": "avg"}, "`reduction` must be one of 'mean', 'none', 'sum': got 'avg'"),
    ],
)
def test_bad_settings__are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        MultiSimilarityLoss(**settings)
