"""Queries and keys in two views, and targets that are rows: against the papers' oracles."""

import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity import losses
from oracles import softmaxes


@pytest.fixture
def views(rng):
    return rng.normal(size=(6, 2, 4))


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("symmetric", [pytest.param(False, marks=pytest.mark.slow), True])
def test_info_nce_is_the_papers__values_and_gradients(symmetric, views):
    def paper(x):
        return softmaxes.info_nce(x[:, 0], x[:, 1], temperature=0.3, symmetric=symmetric)

    found = losses.info_nce(range(6), views.astype(np.float32), temperature=0.3, symmetric=symmetric)
    np.testing.assert_allclose(numbers(found), paper(views), rtol=1e-4)
    loss = losses.InfoNCELoss(temperature=0.3, symmetric=symmetric)
    _, gradient = value_and_gradient(lambda x: loss(list(range(6)), x), views.astype(np.float32))
    expected = finite_difference(lambda x: paper(x).mean(), views)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def test_info_nce_in_one_view_is_nt_xent(rng):
    labels, x = [0, 0, 1, 1, 1, 2], rng.normal(size=(6, 4)).astype(np.float32)
    one, other = losses.info_nce(labels, x, temperature=0.2), losses.nt_xent(labels, x, temperature=0.2)
    assert np.array_equal(numbers(one), numbers(other))


def test_multi_negatives_rank_is_a_softmax_cross_entropy_with_one_value_a_query(views):
    """Upstream returned (b, b), and had a further 1 under the logarithm."""
    q, k = views[:, 0], views[:, 1]
    logits = 3.0 * q @ k.T
    expected = np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)
    found = numbers(losses.multi_negatives_rank(range(6), views.astype(np.float32), scale=3.0))
    assert found.shape == (6,)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_multi_negatives_rank__keeps_its_scale_when_it_is_saved():
    assert losses.MultiNegativesRankLoss(scale=3.0).get_config()["scale"] == 3.0


def test_siglip_in_two_views_is_the_papers(views):
    found = losses.siglip(range(6), views.astype(np.float32), scale=5.0, bias=-2.0)
    expected = softmaxes.siglip_pairs(views[:, 0], views[:, 1], temperature=5.0, bias=-2.0)
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["soft", pytest.param("several classes", marks=pytest.mark.slow)])
def test_instance_discrimination_is_the_cross_entropy_of_its_targets(kind, rng):
    x = rng.normal(size=(7, 4))
    y = rng.dirichlet(np.ones(3), size=7) if kind == "soft" else (rng.random((7, 5)) < 0.4).astype(float)
    y[3] = 0.0  # shares nothing with anyone

    def paper(x):
        return softmaxes.instance_discrimination(y @ y.T, x, 0.3)

    found = losses.instance_discrimination(y, x.astype(np.float32), temperature=0.3)
    np.testing.assert_allclose(numbers(found), paper(x), rtol=1e-4, atol=1e-6)
    assert numbers(found)[3] == 0.0
    loss = losses.InstanceDiscriminationLoss(temperature=0.3)
    value, gradient = value_and_gradient(lambda e: loss(y, e), x.astype(np.float32))
    sharing = (y @ y.T - np.diag((y * y).sum(axis=1))).sum(axis=1) > 0
    assert value == pytest.approx(paper(x).sum() / sharing.sum(), rel=1e-4)
    expected = finite_difference(lambda e: paper(e).sum() / sharing.sum(), x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def test_instance_discrimination__another_number_of_label_rows_is_named(rng):
    with pytest.raises(ValueError, match=r"got 2 label rows for embeddings of shape \(3, 4\)"):
        losses.InstanceDiscriminationLoss()(np.eye(2), ops.ones((3, 4)))
