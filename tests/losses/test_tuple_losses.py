"""Every loss against its paper, as the oracles write it: values, and gradients by finite differences."""

from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity import losses
from oracles import margins, miners, rankings, similarities, softmaxes, triplets

LABELS = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 0, 1]  # unequal classes, one of them a singleton


class Case(NamedTuple):
    """A loss, its oracle, and settings of both: `ours` where the oracle has another name for them."""

    loss: type
    oracle: Any
    settings: dict
    ours: dict | None = None
    gradient_oracle: Any = None

    def __repr__(self):
        return " ".join([self.loss.__name__, *(f"{key}={value}" for key, value in self.settings.items())])


def triplet_cases():
    for p, n in product(("easy", "hard", "all"), ("hard", "semi-hard", "easy", "all")):
        ours = {"positive_mining_strategy": p, "negative_mining_strategy": n}
        theirs = {"positives": p, "negatives": n}
        for rest in (
            {"margin": 1.0},
            {"margin": None, "distance": "euclidean"},
            {"margin": 0.5, "swap": True, "distance": "snr"},
            {"margin": None, "swap": True},
        ):
            yield Case(losses.TripletLoss, triplets.triplet, theirs | rest, ours | rest)
        yield Case(losses.PNLoss, triplets.pn, theirs | {"margin": 1.0}, ours | {"margin": 1.0})


def frozen(oracle):
    """The oracle with its weights taken at x, as a function of x and of what else it takes."""
    return lambda x, labels, embeddings, **settings: oracle(labels, embeddings, weighed_at=x, **settings)


def weighted_margin(labels, embeddings, cutoff=0.5, weighed_at=None, **settings):
    weights = miners.distance_weighted(labels, embeddings if weighed_at is None else weighed_at, cutoff)
    return margins.margin(labels, embeddings, weights=weights, **settings)


def plain_cases(loss, oracle, *settings, gradient_oracle=None):
    return [Case(loss, oracle, each, gradient_oracle=gradient_oracle) for each in ({}, *settings)]


def margin_cases():
    circle, ranked_list = similarities.circle, margins.ranked_list
    yield Case(losses.CircleLoss, circle, {}, gradient_oracle=frozen(circle))
    settings = {"m": 0.25, "gamma": 256.0}
    yield Case(losses.CircleLoss, circle, settings, {"margin": 0.25, "gamma": 256.0}, frozen(circle))
    settings = {"margin": 0.6, "Tn": 3.0, "Tp": 2.0, "imbalance": 0.3, "alpha": 1.3}
    yield from plain_cases(losses.RankedListLoss, ranked_list, settings, gradient_oracle=frozen(ranked_list))
    settings = {"beta": 0.9, "alpha": 0.4, "cutoff": 0.8}
    yield from plain_cases(losses.MarginLoss, weighted_margin, settings, gradient_oracle=frozen(weighted_margin))
    yield Case(losses.MarginLoss, margins.margin, {}, {"cutoff": None})
    settings = {"negative_margin": 2.0, "positive_margin": 0.2, "distance": "cosine"}
    yield from plain_cases(losses.LiftedStructLoss, margins.lifted_structure, settings)


def softmax_cases():
    settings = {"temperature": 0.05, "distance": "manhattan"}
    yield from plain_cases(losses.SoftNearestNeighborLoss, softmaxes.soft_nearest_neighbor, settings)
    yield from plain_cases(losses.NCALoss, softmaxes.nca, {"scale": 0.3, "distance": "euclidean"})
    yield from plain_cases(losses.SupConLoss, softmaxes.supcon, {"temperature": 0.01})
    yield from plain_cases(losses.NTXentLoss, softmaxes.nt_xent, {"temperature": 0.01})
    yield from plain_cases(losses.NPairsLoss, similarities.n_pairs, {"l2_weight": 0.3})
    yield from plain_cases(losses.AngularLoss, similarities.angular, {"alpha": 20.0}, {"alpha": 65.0})
    yield from plain_cases(losses.TupletMarginLoss, similarities.tuplet_margin, {"margin": 20.0, "scale": 5.0})
    settings = {"temperature": 5.0, "bias": -1.0}
    yield Case(losses.SigLIPLoss, softmaxes.siglip, {})
    yield Case(losses.SigLIPLoss, softmaxes.siglip, settings, {"scale": 5.0, "bias": -1.0})


def ranking_cases():
    yield from plain_cases(losses.FastAPLoss, rankings.fast_ap, {"num_bins": 7})
    yield from plain_cases(losses.SmoothAPLoss, rankings.smooth_ap, {"temperature": 0.3})
    settings = {"k_values": (1, 3), "k_temperature": 0.7, "rank_temperature": 0.2}
    yield from plain_cases(losses.RecallAtKLoss, rankings.recall_at_k_surrogate, settings)


CASES = [
    *margin_cases(),
    *softmax_cases(),
    *ranking_cases(),
    Case(losses.TripletLoss, triplets.triplet, {}),
    *triplet_cases(),
    Case(losses.PNLoss, triplets.pn, {}),
    Case(losses.PNLoss, triplets.pn, {"margin": None, "distance": "manhattan"}),
    Case(losses.ContrastiveLoss, margins.contrastive, {}),
    Case(losses.ContrastiveLoss, margins.contrastive, {"positive_margin": 0.3, "negative_margin": 2.5}),
    Case(losses.ContrastiveLoss, margins.contrastive, {"distance": "cosine", "negative_margin": 0.8}),
    Case(losses.MultiSimilarityLoss, similarities.multi_similarity, {}),
    Case(losses.MultiSimilarityLoss, similarities.multi_similarity, {"epsilon": None}),
    # Not sharp, so that each pair that is mined away is missed.
    Case(losses.MultiSimilarityLoss, similarities.multi_similarity, {"alpha": 0.5, "beta": 0.5, "epsilon": 0.2}),
    Case(losses.MultiSimilarityLoss, similarities.multi_similarity, {"alpha": 1.0, "beta": 300.0, "lmda": 0.2}),
    Case(losses.MultiSimilarityLoss, similarities.multi_similarity, {"distance": "euclidean", "center": 2.0}),
]


@pytest.fixture
def x(rng):
    """Rows of any length that lean towards their class."""
    rows = rng.normal(size=(12, 5)) + 0.7 * rng.normal(size=(4, 5))[LABELS]
    return rows * rng.uniform(0.4, 1.5, size=(12, 1))


each_case = pytest.mark.parametrize("case", CASES, ids=repr)
# On JAX each gradient is compiled anew: what is not a loss as it comes is for the long run.
IN_TIME = [case for case in CASES if not case.settings]
each_case_in_time = pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in IN_TIME else pytest.mark.slow, id=repr(case)) for case in CASES],
)


@each_case
def test_values_equal_the_papers(case, x):
    loss = case.loss(reduction="none", **(case.settings if case.ours is None else case.ours))
    values = ops.convert_to_numpy(loss(LABELS, ops.convert_to_tensor(x.astype(np.float32))))
    expected = case.oracle(LABELS, x, **case.settings)
    assert expected.any()
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


@each_case_in_time
def test_gradients_equal_the_papers(case, x, rng):
    """In six random directions, each of which moves every number of every row."""
    loss = case.loss(reduction="none", **(case.settings if case.ours is None else case.ours))
    pull = np.linspace(0.5, 1.5, 12)  # so that no anchor's part is hidden by another's
    weights = ops.convert_to_tensor(pull.astype(np.float32))
    _, gradient = value_and_gradient(lambda e: ops.sum(weights * loss(LABELS, e)), x.astype(np.float32))
    oracle = case.oracle if case.gradient_oracle is None else partial(case.gradient_oracle, x)
    directions = rng.normal(size=(6, *x.shape))

    def along(steps):
        return (pull * oracle(LABELS, x + np.tensordot(steps, directions, 1), **case.settings)).sum()

    expected = finite_difference(along, np.zeros(6), step=1e-6)
    assert expected.all()
    np.testing.assert_allclose(
        np.einsum("kbd,bd->k", directions, gradient), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )
