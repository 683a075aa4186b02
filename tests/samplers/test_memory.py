import numpy as np
import pytest

from keras_similarity.samplers import MultiShotMemorySampler

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = np.array(["a", "b", "c", "d"] * 5)


def test_batch_has_dense_codes_and_the_rows_of_their_classes():
    sampler = MultiShotMemorySampler(X, Y, classes_per_batch=3, examples_per_class_per_batch=2, seed=1)
    x, codes = sampler[0]
    assert codes.dtype == np.int32
    assert set(codes.tolist()) <= {0, 1, 2, 3}
    rows = (x[:, 0] / 3).astype(int)
    assert [sampler.vocabulary.labels[code] for code in codes] == Y[rows].tolist()


def test_same_seed__same_batches__and_each_epoch_others():
    first, second = (MultiShotMemorySampler(X, Y, seed=5) for _ in range(2))
    assert all(np.array_equal(first[step][0], second[step][0]) for step in range(len(first)))
    before = [first[step][0] for step in range(len(first))]
    first.on_epoch_end()
    assert not all(np.array_equal(old, first[step][0]) for step, old in enumerate(before))


def test_without_a_seed_two_samplers_differ_and_each_can_be_repeated():
    first, second = MultiShotMemorySampler(X, Y), MultiShotMemorySampler(X, Y)
    assert first.seed != second.seed
    again = MultiShotMemorySampler(X, Y, seed=first.seed)
    assert all(np.array_equal(first[step][0], again[step][0]) for step in range(len(first)))


@pytest.mark.parametrize(
    ("begin", "size", "rows"),
    [(0, None, range(20)), (0, -1, range(20)), (3, 4, range(3, 7)), (18, 5, range(18, 20)), (2, 0, [])],
)
def test_get_slice_is_exact_and_has_the_users_labels(begin, size, rows):
    x, y = MultiShotMemorySampler(X, Y, seed=0).get_slice(begin, size)
    assert np.array_equal(x, X[list(rows)])
    assert y.tolist() == Y[list(rows)].tolist()


def test_class_list_keeps_those_classes_alone():
    sampler = MultiShotMemorySampler(X, Y, class_list=np.array(["b", "d"]), seed=0)
    assert sampler.num_examples == 10
    assert set(sampler.get_slice()[1].tolist()) == {"b", "d"}


def test_total_examples_per_class__takes_distinct_ones_by_seed():
    sampler = MultiShotMemorySampler(X, Y, total_examples_per_class=3, seed=0)
    x, y = sampler.get_slice()
    assert np.unique(y, return_counts=True)[1].tolist() == [3, 3, 3, 3]
    assert len(np.unique(x[:, 0])) == 12
    other = MultiShotMemorySampler(X, Y, total_examples_per_class=3, seed=1).get_slice()[0]
    assert not np.array_equal(x, other)


def test_total_examples_per_class__more_than_there_are__takes_all():
    assert MultiShotMemorySampler(X, Y, total_examples_per_class=99, seed=0).num_examples == 20


def test_small_class__repeats_its_examples_and_says_so(caplog):
    sampler = MultiShotMemorySampler(X[:5], ["a", "a", "a", "b", "b"], examples_per_class_per_batch=3, seed=0)
    assert "1 classes have fewer than 3 examples" in caplog.text
    x, codes = sampler[0]
    assert len(np.unique(x[codes == 1, 0])) == 2


def test_augmenter_sees_each_batch():
    sampler = MultiShotMemorySampler(X, Y, augmenter=lambda x: -x, seed=0)
    plain = MultiShotMemorySampler(X, Y, seed=0)
    assert np.array_equal(sampler[0][0], -plain[0][0])


def test_several_inputs_stay_together():
    sampler = MultiShotMemorySampler({"left": X, "right": X * 2}, Y, seed=0)
    batch, _ = sampler[1]
    assert np.array_equal(batch["left"] * 2, batch["right"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": X[:0], "y": []}, "`x` needs examples: got none"),
        ({"y": Y[:7]}, "`y` needs one entry per row of `x`: got 7 entries for 20 rows"),
        ({"y": ["one"] * 20}, "`classes_per_batch` is 2, and the data have 1 class: \\['one'\\]"),
        ({"classes_per_batch": 5}, "`classes_per_batch` is 5, and the data have 4 classes"),
        ({"classes_per_batch": 1}, "`classes_per_batch` must be a whole number of at least 2: got 1"),
        ({"examples_per_class_per_batch": 0}, "`examples_per_class_per_batch` must be a whole number of at least 1"),
        ({"x": np.where(X == 10, np.nan, X)}, "`x` needs finite numbers: row 3 holds nan"),
        ({"class_list": ["a", "z"]}, "`class_list` names classes without examples: \\['z'\\]"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` must be a whole number of at least 1: got 0"),
        ({"total_examples_per_class": 0}, "`total_examples_per_class` must be"),
        ({"x": {"left": X, "right": X[:4]}}, r"inputs of one length: got \[4, 20\] rows"),
    ],
)
def test_bad_input__says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiShotMemorySampler(**({"x": X, "y": Y} | arguments))


@pytest.mark.parametrize("begin", [-1, 1.5])
def test_get_slice__bad_begin__is_an_error(begin):
    with pytest.raises(ValueError, match="`begin` must be a whole number of at least 0"):
        MultiShotMemorySampler(X, Y).get_slice(begin)
