import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity.samplers import PairSampler, SingleShotMemorySampler, TripletSampler

TEXTS = np.array([f"text {number}" for number in range(40)])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_every_pair_is_shown_once_an_epoch__and_no_text_twice_in_a_batch(seed, batch_size):
    rng = np.random.default_rng(seed)
    one, two = TEXTS[rng.integers(0, 30, 50)], TEXTS[rng.integers(0, 40, 50)]
    sampler = PairSampler(one, two, batch_size, seed=seed)
    for epoch in range(3):
        sampler.epoch = epoch
        shown = set()
        for index in range(len(sampler)):
            x, codes = sampler[index]
            rows = codes[:batch_size]
            assert np.array_equal(codes, np.tile(rows, 2))
            assert np.array_equal(x, np.concatenate([one[rows], two[rows]]))
            texts = [text for row in rows for text in {one[row], two[row]}]
            assert len(texts) == len(set(texts))
            shown.update(rows.tolist())
        assert shown == set(range(50))


def test_batches_are_as_few_as_can_be__and_a_frequent_text_is_spread():
    one = np.array(["hub"] * 15 + [f"a{row}" for row in range(85)])
    two = np.array([f"b{row}" for row in range(100)])
    assert len(PairSampler(one, two, 10, seed=0)) == 15
    assert len(PairSampler(two, two, 10, seed=0)) == 10


def test_shards_share_the_epoch__and_longer_epochs_repeat():
    shards = [PairSampler(np.arange(30), np.arange(30), 4, seed=1, num_shards=2, shard_index=i) for i in range(2)]
    assert len(shards[0]) == len(shards[1]) == 4
    rows = [np.concatenate([shard[index][1][:4] for index in range(4)]) for shard in shards]
    assert set(np.concatenate(rows).tolist()) == set(range(30))
    assert len(PairSampler(np.arange(30), np.arange(30), 4, steps_per_epoch=50, seed=1)._batches()) == 50


def test_keys__keep_what_is_the_same_thing_apart():
    labels = np.arange(24) % 6
    sampler = PairSampler(np.arange(24), np.arange(24) + 100, 4, keys=[labels], seed=0)
    for index in range(len(sampler)):
        assert len(set(labels[sampler[index][1][:4]].tolist())) == 4


def test_triplets__negatives_are_classes_of_their_own():
    a = np.arange(12.0)[:, None]
    sampler = TripletSampler(a, a + 100, a + 200, 3, seed=0)
    x, codes = sampler[0]
    assert np.array_equal(x[3:6] - x[:3], np.full((3, 1), 100.0))
    assert np.array_equal(x[6:] - x[:3], np.full((3, 1), 200.0))
    assert np.array_equal(codes, [*x[:3, 0], *x[:3, 0], *(x[:3, 0] + 12)])
    assert [part.shape for part in sampler.get_slice(4, 2)] == [(2, 1)] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positives": TEXTS[:5]}, "`positives` needs one entry per row of `anchors`"),
        ({"batch_size": 41}, "`batch_size` is 41, and there are 40 rows"),
        ({"batch_size": 1}, "`batch_size` must be a whole number of at least 2"),
        ({"anchors": ["same"] * 40}, "`batch_size` is 8, and only 1 rows were found that share nothing"),
        ({"keys": [[1, 2]]}, "`keys` needs one entry per row of `anchors`"),
        ({"num_shards": 2, "shard_index": 2}, "`shard_index` must be below `num_shards`: got 2 of 2"),
    ],
)
def test_bad_input__says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        PairSampler(**({"anchors": TEXTS, "positives": np.char.add(TEXTS, "!"), "batch_size": 8} | arguments))


def noisy(x, seed):
    return x + np.random.default_rng(seed).normal(0, 0.01, x.shape)


def test_single_shot__shows_every_example_in_several_views():
    x = np.arange(22.0)[:, None]
    sampler = SingleShotMemorySampler(x, noisy, 4, 3, seed=2, warmup=1)
    assert len(sampler) == 6
    shown = set()
    for index in range(6):
        batch, codes = sampler[index]
        assert np.array_equal(batch[:, 0], codes), "the first epoch is not augmented"
        assert np.array_equal(codes, np.tile(codes[:4], 3))
        assert len(set(codes.tolist())) == 4
        shown.update(codes.tolist())
    assert shown == set(range(22))
    sampler.on_epoch_end()
    batch, codes = sampler[1]
    assert len(np.unique(batch)) == 12
    assert np.array_equal(np.rint(batch[:, 0]), codes)
    assert np.array_equal(batch, sampler[1][0]), "an augmenter that takes a seed gives the same views again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"examples_per_batch": 9}, "`examples_per_batch` is 9, and there are 8 examples"),
        ({"examples_per_batch": 1}, "`examples_per_batch` must be"),
        ({"num_augmentations_per_example": 0}, "`num_augmentations_per_example` must be"),
        ({"warmup": -1}, "`warmup` must be a whole number of at least 0: got -1"),
        ({"x": np.full((8, 1), np.nan)}, "`x` needs finite numbers"),
    ],
)
def test_single_shot__bad_input__names_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        SingleShotMemorySampler(**({"x": np.zeros((8, 1)), "augmenter": noisy, "examples_per_batch": 4} | arguments))
