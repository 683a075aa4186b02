"""Heads against pytorch-metric-learning 2.9, under the settings in `oracles.pml_head_rows`."""

import numpy as np
import pytest
from keras import ops

from keras_similarity import layers

torch = pytest.importorskip("torch")  # the peer needs it; `make test-all` has both
pytest.importorskip("pytorch_metric_learning")

from oracles import pml_head_rows  # noqa: E402  they import the peer
from oracles.pml_tools import Batch  # noqa: E402

ROWS = {row.name: row for row in pml_head_rows.rows()}
# The row of the table whose PML class and settings give the value of ours, as constructed by default.
OURS = {
    "normalized_softmax": layers.NormalizedSoftmax,
    "arcface": layers.ArcFace,
    "cosface": layers.CosFace,
    "proxy_nca_pp": layers.ProxyNCA,
    "subcenter_arcface": layers.SubCenterArcFace,
    "soft_triple": lambda classes: layers.SoftTriple(classes, centers_per_class=3),
    "proxy_anchor (scalar)": layers.ProxyAnchor,
}


def make_batch(seed):
    """A shuffled batch of four of five classes, the weights of its first row's class almost opposite to that row."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation([0, 1, 1, 2, 2, 2, 3, 3])
    rows = rng.normal(size=(8, 4)) * rng.uniform(0.2, 2.0, size=(8, 1))
    weights, centers = rng.normal(size=(5, 4)), rng.normal(size=(5, 3, 4))
    weights[labels[0]] = 0.1 * weights[labels[0]] - rows[0]
    return Batch(labels.tolist(), rows, weights, centers)


def test_the_table_and_ours_name_the_same_heads():
    assert set(OURS) == set(ROWS)


@pytest.fixture
def double():
    """PML keeps some of its sums in torch's default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in ("subcenter_arcface", "soft_triple") else n for n in OURS],
)
def test_our_value_equals_the_peers(name, request):
    head = OURS[name](5)
    head.build((None, 4))
    loss, batches, ours = head.loss("mean" if "scalar" in name else "none"), [make_batch(n) for n in range(3)], []
    for batch in batches:
        weights = batch.weights if head.centers_per_class == 1 else batch.centers.reshape(-1, 4)
        head.class_weights.assign(weights.astype(np.float32))
        ours.append(ops.convert_to_numpy(loss(batch.labels, head(batch.rows.astype(np.float32)))))
    request.getfixturevalue("double")
    expected = [ROWS[name].value(batch) for batch in batches]
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
