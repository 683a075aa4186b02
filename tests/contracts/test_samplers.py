"""What every class-balanced sampler keeps, whatever it draws from. A new one must be given a case here."""

import inspect

import numpy as np
import pytest

from keras_similarity import samplers
from keras_similarity.samplers import BalancedSampler, Sampler

SIZES = {"ant": 9, "bee": 4, "cow": 5, "dog": 8, "eel": 1}
Y = [name for name, size in SIZES.items() for _ in range(size)]
ORDER = np.random.default_rng(3).permutation(len(Y))
LABELS = [Y[row] for row in ORDER]
X = np.arange(len(Y), dtype=np.float32)[:, None] * [1, 2]


class Numbered:
    """A data set with a length and numbered examples."""

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        return X[row], LABELS[row]


def load(number):
    return X[int(number)]


def memory(tmp_path, **arguments):
    return samplers.MultiShotMemorySampler(X, LABELS, **arguments)


def files(tmp_path, **arguments):
    for row, values in enumerate(X):
        np.save(tmp_path / f"{row}.npy", values)
    paths = [tmp_path / f"{row}.npy" for row in range(len(X))]
    return samplers.MultiShotFileSampler(paths, LABELS, load_example_fn=np.load, **arguments)


def dataset(tmp_path, **arguments):
    return samplers.MultiShotDatasetSampler(Numbered(), **arguments)


def tf_data(tmp_path, **arguments):
    tf = pytest.importorskip("tensorflow")
    names = [label.encode() for label in LABELS]
    return samplers.TFDataSampler(tf.data.Dataset.from_tensor_slices((X, names)), **arguments)


def tf_record(tmp_path, **arguments):
    tf = pytest.importorskip("tensorflow")
    for shard in range(2):
        with tf.io.TFRecordWriter(str(tmp_path / f"{shard}.tfrec")) as writer:
            for row in range(shard, len(X), 2):
                feature = {
                    "x": tf.train.Feature(float_list=tf.train.FloatList(value=X[row])),
                    "y": tf.train.Feature(bytes_list=tf.train.BytesList(value=[LABELS[row].encode()])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())

    def parse(record):
        spec = {"x": tf.io.FixedLenFeature([2], tf.float32), "y": tf.io.FixedLenFeature([], tf.string)}
        example = tf.io.parse_single_example(record, spec)
        return example["x"], example["y"]

    p, k = arguments.pop("classes_per_batch"), arguments.pop("examples_per_class_per_batch")
    return samplers.TFRecordDatasetSampler(tmp_path, parse, k, p * k, **arguments)


CASES = {
    "MultiShotMemorySampler": memory,
    "MultiShotFileSampler": files,
    "MultiShotDatasetSampler": dataset,
    "TFDataSampler": tf_data,
    "TFRecordDatasetSampler": tf_record,
}
# The catalogue is read in tests/integration; the parent is what all of the above are.
ELSEWHERE = {"BalancedSampler", "TFDatasetMultiShotMemorySampler"}


# To load TensorFlow takes longer than all of the fast tests here.
SLOW = {"TFDataSampler", "TFRecordDatasetSampler"}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in CASES])
def make(request, tmp_path):
    def made(**arguments):
        sizes = {"classes_per_batch": 3, "examples_per_class_per_batch": 2, "seed": 5}
        return CASES[request.param](tmp_path, **(sizes | arguments))

    return made


def rows_of(x):
    return np.rint(np.asarray(x)[:, 0]).astype(int)


def epoch_rows(sampler):
    return np.stack([rows_of(sampler[index][0]) for index in range(len(sampler))])


def test_every_balanced_sampler_has_a_case():
    found = {
        name
        for name in samplers.__all__
        if inspect.isclass(getattr(samplers, name)) and issubclass(getattr(samplers, name), BalancedSampler)
    }
    assert found == CASES.keys() | ELSEWHERE
    assert issubclass(samplers.PairSampler, Sampler)


def test_a_batch_is_p_classes_with_k_examples_each__and_codes_are_its_labels(make):
    sampler = make()
    for index in range(len(sampler)):
        x, codes = sampler[index]
        assert codes.dtype == np.int32
        assert sorted(np.unique(codes, return_counts=True)[1].tolist()) == [2, 2, 2]
        names = [sampler.vocabulary.labels[code] for code in codes]
        assert [name.decode() if isinstance(name, bytes) else name for name in names] == [
            LABELS[row] for row in rows_of(x)
        ]


def test_an_epoch_shows_every_example__and_none_twice_before_the_others_of_its_class(make):
    shown = epoch_rows(make()).ravel().tolist()
    assert set(shown) == set(range(len(X)))
    for name, size in SIZES.items():
        own = [row for row in shown if LABELS[row] == name]
        assert len(set(own[:size])) == size


def test_batches_are_a_function_of_seed_and_epoch_and_index(make):
    sampler, again = make(), make(workers=2)
    first = epoch_rows(sampler)
    assert np.array_equal(first[::-1], [rows_of(again[index][0]) for index in reversed(range(len(again)))])
    again.epoch = 1
    assert not np.array_equal(first, epoch_rows(again))
    sampler.on_epoch_end()
    assert np.array_equal(epoch_rows(sampler), epoch_rows(again))
    assert not np.array_equal(first, epoch_rows(make(seed=6)))


def test_shards_are_the_batches_of_one_epoch(make):
    shards = [make(num_shards=3, shard_index=shard) for shard in range(3)]
    assert len({len(shard) for shard in shards}) == 1
    together = np.stack([epoch_rows(shard) for shard in shards], axis=1).reshape(-1, 6)
    assert np.array_equal(together, epoch_rows(make(steps_per_epoch=3 * len(shards[0]))))
    assert set(together.ravel().tolist()) == set(range(len(X)))


def test_small_classes__are_left_out_or_refused(make):
    kept = make(small_classes="drop")
    assert kept.num_examples == len(X) - 1
    assert LABELS.index("eel") not in epoch_rows(kept)
    with pytest.raises(ValueError, match="`examples_per_class_per_batch` is 2, and 1 classes have fewer examples"):
        make(small_classes="raise")


def test_get_slice__is_all_by_default(make):
    x, y = make().get_slice()
    assert len(x) == len(y) == len(X)
    x, y = make().get_slice(3, 4)
    assert [name.decode() if isinstance(name, bytes) else name for name in y] == [LABELS[row] for row in rows_of(x)]
