import sys

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity.core.distances import distance_names
from keras_similarity.losses import (
    AngularLoss,
    CircleLoss,
    InfoNCELoss,
    MultiSimilarityLoss,
    NPairsLoss,
    SupConLoss,
    TripletLoss,
    metric_loss,
)
from keras_similarity.losses.miners import BatchHardMiner, PairMarginMiner
from keras_similarity.losses.reducers import ThresholdReducer

LABELS = np.repeat(np.arange(12), 4)
REDUCTIONS = [
    "mean",
    pytest.param("mean_pairs", marks=pytest.mark.slow),
    "mean_classes",
    pytest.param("sum", marks=pytest.mark.slow),
    ThresholdReducer(low=0.1),
]


@pytest.fixture
def x(rng):
    return rng.normal(size=(48, 5)).astype(np.float32)


@pytest.fixture
def used(monkeypatch):
    """Which way of going through a big batch was taken, and with how many rows at a time."""
    monkeypatch.setattr(metric_loss, "BIG_BATCH", 40)
    monkeypatch.setattr(metric_loss, "CACHED_ROWS", 10)
    ways = []
    for way in ("compare_in_chunks", "loss_in_one_pass"):
        real = getattr(metric_loss, way)
        monkeypatch.setattr(metric_loss, way, lambda *a, w=way, f=real: ways.append((w, a[2])) or f(*a))
    return ways


@pytest.mark.parametrize("reduction", REDUCTIONS, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("weighted", [pytest.param(False, marks=pytest.mark.slow), True])
def test_big_batch__has_the_value_and_gradient_of_one_piece(x, used, monkeypatch, reduction, weighted):
    labels = np.where(LABELS == 3, np.arange(48) + 100, LABELS)  # some anchors have no positive
    weights = np.linspace(0, 2, 48).astype(np.float32) if weighted else None
    loss = MultiSimilarityLoss(reduction=reduction)
    parts = value_and_gradient(lambda e: loss(labels, e, weights), x)
    with monkeypatch.context() as context:
        context.setattr(metric_loss, "BIG_BATCH", 1000)
        whole = value_and_gradient(lambda e: loss(labels, e, weights), x)
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-7)
    if isinstance(reduction, str):
        assert used == [("loss_in_one_pass", 10)]


@pytest.mark.parametrize(
    "distance",
    [
        name if name in ("cosine", "squared_euclidean") else pytest.param(name, marks=pytest.mark.slow)
        for name in distance_names()
    ],
)
def test_big_batch__has_the_value_and_gradient_of_one_piece__with_every_distance(x, used, monkeypatch, distance):
    loss = MultiSimilarityLoss(distance, beta=2.0, epsilon=None)
    parts = value_and_gradient(lambda e: loss(LABELS, e), x)
    with monkeypatch.context() as context:
        context.setattr(metric_loss, "BIG_BATCH", 1000)
        whole = value_and_gradient(lambda e: loss(LABELS, e), x)
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-6)
    assert used == [("loss_in_one_pass", 10)]
    assert loss.distance.name == distance


@pytest.mark.parametrize("symmetric", [False, True])
def test_two_views__in_one_pass__have_the_value_and_gradient_of_one_piece(rng, used, monkeypatch, symmetric):
    views = rng.normal(size=(48, 2, 5)).astype(np.float32)
    loss = InfoNCELoss(temperature=0.3, symmetric=symmetric)
    parts = value_and_gradient(lambda e: loss(LABELS, e), views)
    with monkeypatch.context() as context:
        context.setattr(metric_loss, "BIG_BATCH", 1000)
        whole = value_and_gradient(lambda e: loss(LABELS, e), views)
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-7)
    assert used == [("loss_in_one_pass", 10)] * (1 + symmetric)


@pytest.mark.parametrize("size", [pytest.param(None, marks=pytest.mark.slow), 10])
def test_mined_loss__counts_what_the_miner_leaves__whole_or_in_chunks(x, used, size):
    labels = np.where(LABELS == 3, np.arange(48) + 100, LABELS)
    mined = {"miner": PairMarginMiner(0.5, 0.2), "reduction": "mean_pairs"}
    whole = value_and_gradient(lambda e: SupConLoss(**mined)(labels, e), x)
    parts = value_and_gradient(lambda e: SupConLoss(**mined, chunk_size=size)(labels, e), x)
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-7)
    assert used == ([] if size is None else [("compare_in_chunks", size)])


@pytest.mark.parametrize(
    "loss_class",
    [CircleLoss, *(pytest.param(each, marks=pytest.mark.slow) for each in (MultiSimilarityLoss, SupConLoss))],
)
def test_big_batch__value_per_anchor__is_that_of_one_piece(x, used, loss_class, monkeypatch):
    loss = loss_class(reduction="none")
    parts = ops.convert_to_numpy(loss(LABELS, ops.convert_to_tensor(x)))
    monkeypatch.setattr(metric_loss, "BIG_BATCH", 1000)
    np.testing.assert_allclose(parts, ops.convert_to_numpy(loss(LABELS, ops.convert_to_tensor(x))), rtol=1e-5)
    assert used == ([] if keras.backend.backend() == "torch" else [("compare_in_chunks", 10)])


@pytest.mark.parametrize(
    "loss", [AngularLoss(), TripletLoss("cosine", "all", "all", 0.1, swap=True)], ids=lambda v: v.name
)
def test_big_batch__of_a_loss_that_compares_keys__stays_whole(x, used, loss):
    loss(LABELS, ops.convert_to_tensor(x))
    assert used == []


@keras.saving.register_keras_serializable(package="tests")
class Lengths(SupConLoss):
    """Looks at the rows themselves."""

    def row_losses(self, rows, keys, positives, negatives):
        return ops.sum(rows * rows, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda size: NPairsLoss("cosine", 0.1, chunk_size=size),
        lambda size: SupConLoss(miner=BatchHardMiner(distance="euclidean"), chunk_size=size),
        lambda size: Lengths(chunk_size=size),
    ],
    ids=["norm", "miner", "own"],
)
def test_chunks__leave_the_rows_as_they_are_for_who_looks_at_them(x, make):
    x = x * np.linspace(0.2, 3, 48, dtype=np.float32)[:, None]  # lengths that differ
    whole = value_and_gradient(lambda e: make(None)(LABELS, e), x)
    parts = value_and_gradient(lambda e: make(7)(LABELS, e), x)
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "torch" or sys.platform != "linux", reason="of torch's memory on Linux")
def test_chunks_on_torch__write_into_pages_that_the_process_has(rng):
    """How many pages the system had to hand out for one step, of the 50,000 to 100,000 that its matrices fill."""
    import resource  # of Unix alone

    labels, x = np.repeat(np.arange(512), 8), ops.convert_to_tensor(rng.normal(size=(4096, 16)).astype(np.float32))
    rows, loss = x.clone().requires_grad_(), SupConLoss()
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        loss(labels, rows).backward()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 10_000
