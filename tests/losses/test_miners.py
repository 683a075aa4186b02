"""Each miner against its paper, as the oracles write it."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.losses import MarginLoss, TripletLoss, miners
from keras_similarity.ops import pair_masks
from oracles import miners as oracle
from oracles.pairs import anchors, unit

LABELS = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 0, 1]


@pytest.fixture
def x(rng):
    return rng.normal(size=(12, 5)) + 0.7 * rng.normal(size=(4, 5))[LABELS]


def mined(miner, x, distance="euclidean"):
    rows = ops.convert_to_tensor(x.astype(np.float32))
    masks = miner(rows, rows, *pair_masks(ops.convert_to_tensor(LABELS)), distance)
    return tuple(ops.convert_to_numpy(mask) for mask in masks)


@pytest.mark.parametrize("positives", ["easy", "hard"])
@pytest.mark.parametrize("negatives", ["easy", "hard", "semi-hard"])
def test_one_pair_of_each_kind_is_the_oracles(positives, negatives, x):
    found = mined(miners.BatchEasyHardMiner(positives, negatives), x)
    for mask, chosen in zip(found, oracle.choices(LABELS, x, "euclidean", positives, negatives), strict=True):
        has_one = chosen >= 0
        assert (mask[has_one].sum(axis=1) == 1).all()
        assert (mask[has_one].argmax(axis=1) == chosen[has_one]).all()


@pytest.mark.parametrize(
    ("preset", "strategies"),
    [
        (miners.BatchHardMiner, ("hard", "hard")),
        (miners.SemiHardMiner, ("hard", "semi-hard")),
        (miners.EasyPositiveMiner, ("easy", "semi-hard")),
    ],
)
def test_presets_are_what_their_papers_choose(preset, strategies, x):
    for one, other in zip(mined(preset(), x), mined(miners.BatchEasyHardMiner(*strategies), x), strict=True):
        assert (one == other).all()


def test_all__keeps_every_pair(x):
    positives, negatives = mined(miners.BatchEasyHardMiner("all", "hard"), x)
    assert positives.sum() == sum(len(positive) for _, positive, _ in anchors(LABELS))
    assert (negatives.sum(axis=1) == 1).all()


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_multi_similarity_keeps_the_papers_pairs(epsilon, x):
    found = mined(miners.MultiSimilarityMiner(epsilon, distance="cosine"), x)
    has_both = np.array(LABELS) != 2
    for mask, expected in zip(found, oracle.multi_similarity_mask(LABELS, x, epsilon), strict=True):
        assert expected.any()
        assert (mask[has_both] == expected[has_both]).all()


def test_pair_margin_keeps_what_is_on_the_wrong_side(x):
    positives, negatives = mined(miners.PairMarginMiner(1.5, 2.5), x)
    for i, j in itertools.product(range(12), repeat=2):
        gap, same = np.linalg.norm(x[i] - x[j]), LABELS[i] == LABELS[j]
        assert positives[i, j] == (i != j and same and gap > 1.5)
        assert negatives[i, j] == (not same and gap < 2.5)


def wide(a, p, n, limit):
    middle = (a + p) / 2
    return np.degrees(np.arctan(np.linalg.norm(a - p) / (2 * np.linalg.norm(n - middle)))) > limit


@pytest.mark.parametrize("limit", [15.0, 30.0])
def test_angular_keeps_the_pairs_of_wide_triplets(limit, x):
    rows = unit(x)
    expected = np.zeros((2, 12, 12), bool)
    for i, positive, negative in anchors(LABELS):
        for p, n in itertools.product(positive, negative):
            if wide(rows[i], rows[p], rows[n], limit):
                expected[0, i, p] = expected[1, i, n] = True
    assert 0 < expected[1].sum() < 100
    assert (np.stack(mined(miners.AngularMiner(limit), x)) == expected).all()


@pytest.mark.slow
def test_distance_weighted__draws_as_many_negatives_as_positives_by_the_papers_chances():
    """Over many batches that differ by a thousandth, which hardly changes the chances."""
    rng = np.random.default_rng(5)
    labels, x = [0, 0, 1, 1, 2, 2, 3, 3], rng.normal(size=(8, 4))
    miner, drawn = miners.DistanceWeightedMiner(nonzero_loss_cutoff=2.0), np.zeros((8, 8))
    masks = pair_masks(ops.convert_to_tensor(labels))
    rounds = 400
    for _ in range(rounds):
        near = ops.convert_to_tensor((x + 1e-3 * rng.normal(size=x.shape)).astype(np.float32))
        positives, negatives = (ops.convert_to_numpy(mask) for mask in miner(near, near, *masks))
        assert (negatives.sum(axis=1) == positives.sum(axis=1)).all()
        drawn += negatives
    expected = oracle.distance_weighted(labels, x)  # one positive an anchor: one draw
    assert np.abs(drawn / rounds - expected).max() < 4 * np.sqrt(0.25 / rounds)


def test_distance_weighted__never_draws_beyond_the_cutoff_and_repeats_itself(x):
    positives, negatives = mined(miners.DistanceWeightedMiner(nonzero_loss_cutoff=1.2), x)
    again = mined(miners.DistanceWeightedMiner(nonzero_loss_cutoff=1.2), x)[1]
    rows = unit(x)
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    assert (distances[negatives] < 1.2).all()
    assert (negatives.sum(axis=1) <= positives.sum(axis=1)).all()
    assert (negatives == again).all()
    assert (mined(miners.DistanceWeightedMiner(nonzero_loss_cutoff=1.2, seed=1), x)[1] != negatives).any()


@pytest.mark.parametrize("size", [5, 16, 64])
def test_distance_weighted__draws_the_same_in_chunks_of_any_size(size, rng):
    labels, rows = np.repeat(np.arange(8), 8), rng.normal(size=(64, 8)).astype(np.float32)
    whole, chunked = (MarginLoss(miner=miners.DistanceWeightedMiner(), chunk_size=each) for each in (None, size))
    assert float(chunked(labels, rows)) == pytest.approx(float(whole(labels, rows)), rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_distance_weighted__draws_others_for_each_row_and_for_a_batch_a_step_on(dtype, scale, rng):
    labels = ops.convert_to_tensor(np.repeat([0, 1], [2, 30]))
    directions = scale * rng.normal(size=8) + np.zeros((32, 8))  # of one place, so that all are as likely
    rows = [ops.cast(ops.convert_to_tensor((step * directions).astype(np.float32)), dtype) for step in (1, 1.01, 1.02)]
    rows = [ops.cast(each * ops.cast(ops.linspace(1.0, 2.0, 32)[:, None], dtype), "float32") for each in rows]
    miner = miners.DistanceWeightedMiner()
    drawn = [ops.convert_to_numpy(miner(each, each, *pair_masks(labels))[1])[:2].argmax(axis=1) for each in rows]
    assert len({tuple(each) for each in drawn}) == 3
    assert any(first != second for first, second in drawn)


def test_a_miner_takes_the_losss_distance_unless_it_has_its_own(x):
    own, others = mined(miners.BatchHardMiner(distance="cosine"), x), mined(miners.BatchHardMiner(), x, "cosine")
    assert (own[1] == others[1]).all()
    assert (own[1] != mined(miners.BatchHardMiner(), x)[1]).any()


def test_mined_all_triplets_equal_the_loss_with_its_own_mining(x):
    rows = ops.convert_to_tensor(x.astype(np.float32))
    mined_loss = TripletLoss("cosine", "all", "all", 0.5, miner=miners.SemiHardMiner())
    built_in = TripletLoss("cosine", "hard", "semi-hard", 0.5)
    assert float(mined_loss(LABELS, rows)) == pytest.approx(float(built_in(LABELS, rows)), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in miners.__all__ if name != "Miner"])
def test_every_miner_survives_saving_and_keeps_masks_of_fixed_shape(name, x):
    miner = getattr(miners, name)()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(miner))
    assert again.get_config() == miner.get_config()
    own = pair_masks(ops.convert_to_tensor(LABELS))
    for before, after, same in zip(own, mined(miner, x), mined(again, x), strict=True):
        assert after.shape == (12, 12)
        assert after.dtype == bool
        assert not (after & ~ops.convert_to_numpy(before)).any()
        assert (after == same).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: miners.BatchEasyHardMiner("semi-hard"), "`positives` must be one of 'all', 'easy', 'hard'"),
        (
            lambda: miners.BatchEasyHardMiner("all", "semi-hard"),
            "`negatives` cannot be 'semi-hard' for positives='all'",
        ),
        (lambda: miners.MultiSimilarityMiner(-1), "`epsilon` must be at least 0: got -1"),
        (lambda: miners.AngularMiner(90), "`angle` must be above 0 and at most 89.9: got 90"),
        (lambda: miners.DistanceWeightedMiner(cutoff=0), "`cutoff` must be above 0"),
        (lambda: miners.PairMarginMiner("far"), "`positive_margin` must be a finite number: got 'far'"),
        (lambda: miners.BatchHardMiner(distance="cosin"), "Did you mean 'cosine'"),
    ],
)
def test_bad_settings__are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
