"""pytorch-metric-learning 2.9: its values are the oracles' and ours, under the settings in `oracles.pml_rows`."""

import numpy as np
import pytest
from keras import ops

from keras_similarity import losses

torch = pytest.importorskip("torch")  # the peer needs it; `make test-all` has both
pml_losses = pytest.importorskip("pytorch_metric_learning.losses")

from oracles import identities, pml_rows  # noqa: E402  they import the peer
from oracles.pml_tools import Batch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Values of Tp or Tn:UserWarning")  # the paper's Tn is 10

ROWS = {row.name: row for row in pml_rows.rows()}
# Where PML departs from the paper; the docstrings say how.
DEPARTURES = {"ranked_list (plain)", "angular, raw rows", "smooth_ap", "smooth_ap with_anchor, 4 × 3"}


def make_batch(seed, sizes=(2, 3, 4, 5), width=6, classes=6, k=3):
    """Draw a shuffled batch of rows that lean towards their class, of norms about 0.3 to 3.

    The second row almost has the direction of a negative, the third almost the opposite one, and the weights of the
    first row's class are almost opposite to it: distances near 0 and 2, and an angle near π.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation([c for c, size in enumerate(sizes) for _ in range(size)])
    rows = 0.7 * rng.normal(size=(classes, width))[labels] + rng.normal(size=(len(labels), width))
    rows *= rng.uniform(0.2, 1.2, size=(len(labels), 1))
    other = next(j for j in range(3, len(labels)) if labels[j] not in labels[1:3])
    rows[1], rows[2] = 1.1 * rows[other], -0.9 * rows[other]
    rows[1:3] += 0.05 * rng.normal(size=(2, width))
    weights, centers = rng.normal(size=(classes, width)), rng.normal(size=(classes, k, width))
    weights[labels[0]] = 0.1 * weights[labels[0]] - rows[0]
    return Batch(labels.tolist(), rows, weights, centers)


@pytest.fixture(params=[0, 1, 2], ids="batch {}".format)
def batch(request):
    return make_batch(request.param)


@pytest.fixture
def double():
    """PML keeps some of its sums in torch's default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def ours(loss, **settings):
    def value(batch):
        made = loss(reduction="none", **settings)
        return ops.convert_to_numpy(made(batch.labels, ops.convert_to_tensor(batch.rows.astype(np.float32))))

    return value


def triplet(p, n, **settings):
    return ours(losses.TripletLoss, positive_mining_strategy=p, negative_mining_strategy=n, **settings)


# The row of the table whose PML class and settings give the value of ours.
OURS = {
    "triplet hard/semi-hard cosine": triplet("hard", "semi-hard"),
    "triplet hard/semi-hard cosine soft": triplet("hard", "semi-hard", margin=None),
    "triplet hard/semi-hard cosine swap": triplet("hard", "semi-hard", swap=True),
    "triplet all/all cosine": triplet("all", "all"),
    "triplet all/all cosine soft": triplet("all", "all", margin=None),
    "triplet all/all cosine swap": triplet("all", "all", swap=True),
    "triplet all/all cosine soft swap": triplet("all", "all", margin=None, swap=True),
    "triplet easy/all euclidean soft": triplet("easy", "all", margin=None, distance="euclidean"),
    "triplet all/hard euclidean soft": triplet("all", "hard", margin=None, distance="euclidean"),
    "pn hard/semi-hard cosine": ours(losses.PNLoss),
    "contrastive": ours(losses.ContrastiveLoss),
    "contrastive margins .3/2.5": ours(losses.ContrastiveLoss, positive_margin=0.3, negative_margin=2.5),
    "lifted_structure": ours(losses.LiftedStructLoss),
    "ranked_list Tp=0": ours(losses.RankedListLoss),
    "ranked_list Tp=2": ours(losses.RankedListLoss, margin=0.6, Tn=3.0, Tp=2.0),
    "multi_similarity ε=0.1": ours(losses.MultiSimilarityLoss),
    "multi_similarity ε=None": ours(losses.MultiSimilarityLoss, epsilon=None),
    "multi_similarity euclidean": ours(losses.MultiSimilarityLoss, distance="euclidean", center=2.0, lmda=0.3),
    "circle": ours(losses.CircleLoss),
    "n_pairs": ours(losses.NPairsLoss),
    "angular": ours(losses.AngularLoss),
    "tuplet_margin": ours(losses.TupletMarginLoss),
    "soft_nearest_neighbor T=3": ours(losses.SoftNearestNeighborLoss, temperature=3.0),
    "nca": ours(losses.NCALoss),
    "supcon": ours(losses.SupConLoss),
    "nt_xent": ours(losses.NTXentLoss),
    "fast_ap": ours(losses.FastAPLoss),
    "fast_ap 7 bins": ours(losses.FastAPLoss, num_bins=7),
}


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", ROWS)
def test_oracle_equals_the_peer(name, batch):
    expected, value = (np.asarray(part(batch), float) for part in (ROWS[name].value, ROWS[name].oracle))
    assert value.shape == expected.shape
    there = ~np.isnan(expected)  # PML's miner drops some anchors
    assert there.any()
    largest = np.abs(value - expected)[there].max()
    assert (largest > 1e-9) if name in DEPARTURES else (largest < 1e-9)


@pytest.mark.parametrize("name", OURS)
def test_our_value_equals_the_peers(name, batch, request):
    value = OURS[name](batch)
    request.getfixturevalue("double")
    expected = np.asarray(ROWS[name].value(batch), float)
    there = ~np.isnan(expected)
    assert there.sum() > 5
    # One row is nearly another: the cosine distance in float32 has a relative error of about 1e-4 there.
    np.testing.assert_allclose(value[there], expected[there], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("double")
def test_oracles_without_a_peer_keep_their_identities(batch):
    for name, value, expected in identities.lines(batch):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9, err_msg=name)


def test_oracles_keep_the_rule_of_zeros():
    broken = {name for name, _, holds in identities.zeros() if not holds}
    assert broken == {"contrastive"}  # one kind of pair is enough for it


def test_vicreg_of_two_views():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 7, 4)).astype(np.float32)
    expected = float(pml_losses.VICRegLoss()(torch.tensor(first), ref_emb=torch.tensor(second)))
    assert float(losses.vicreg(first, second)) == pytest.approx(expected, rel=1e-5)
