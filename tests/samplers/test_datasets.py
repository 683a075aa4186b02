"""Data sets of other libraries, by their own classes."""

import importlib.util

import numpy as np
import pytest

from keras_similarity.samplers import MultiShotDatasetSampler, TFDataSampler, TFRecordDatasetSampler

X = np.arange(24, dtype=np.float32).reshape(12, 2)
Y = [number % 3 for number in range(12)]


def torch_dataset():
    torch = pytest.importorskip("torch")
    return torch.utils.data.TensorDataset(torch.from_numpy(X), torch.tensor(Y)), {}


def hugging_face_dataset():
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"values": X.tolist(), "kind": Y}), {"x_key": "values", "y_key": "kind"}


def grain_dataset():
    grain = pytest.importorskip("grain")
    return grain.MapDataset.source(list(zip(X, Y, strict=True))), {}


def list_of_dicts():
    return [{"a": {"left": x, "right": x[:1]}, "b": y} for x, y in zip(X, Y, strict=True)], {"x_key": "a", "y_key": "b"}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(torch_dataset, marks=pytest.mark.slow),
        pytest.param(hugging_face_dataset, marks=pytest.mark.slow),
        pytest.param(grain_dataset, marks=pytest.mark.slow),
        list_of_dicts,
    ],
)
def test_examples_and_labels_stay_together(make):
    dataset, keys = make()
    sampler = MultiShotDatasetSampler(dataset, **keys, classes_per_batch=3, seed=0)
    shown = []
    for index in range(len(sampler)):
        x, codes = sampler[index]
        left = x["left"] if isinstance(x, dict) else x
        rows = np.rint(left[:, 0] / 2).astype(int)
        assert np.array_equal(left, X[rows])
        assert [Y[row] for row in rows] == [sampler.vocabulary.labels[code] for code in codes]
        shown += rows.tolist()
    assert set(shown) == set(range(12))


def test_known_labels__no_example_is_asked_for():
    class Untouched(list):
        asked = 0

        def __getitem__(self, row):
            Untouched.asked += 1
            return super().__getitem__(row)

    sampler = MultiShotDatasetSampler(Untouched([(x, None) for x in X]), y=Y, seed=0)
    assert Untouched.asked <= 1
    assert sampler[0][0].shape == (4, 2)


class EndsEarly:
    def __len__(self):
        return 12

    def __getitem__(self, row):
        if row >= 5:
            raise IndexError(row)
        return X[row], Y[row]


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        (EndsEarly(), ValueError, "`dataset` promised 12 examples and ended after 5"),
        ((pair for pair in zip(X, Y, strict=True)), TypeError, "a generator has not both"),
        ([{"image": 1, "label": 2}], ValueError, r"has \['image', 'label'\]: got the key 0"),
        ([(x,) for x in X], ValueError, "has 1 parts: got the key 1"),
        ([], ValueError, "`x` needs examples: got none"),
        ([(X[0], float("nan")), (X[1], 1.0)], ValueError, "`y` cannot be NaN"),
    ],
)
def test_bad_data_sets__say_what_is_wrong(dataset, error, message):
    with pytest.raises(error, match=message):
        MultiShotDatasetSampler(dataset)


needs_tensorflow = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow")


@pytest.mark.slow
@needs_tensorflow
def test_tf_data__in_batches__with_files_read_later():
    import tensorflow as tf

    ds = tf.data.Dataset.from_tensor_slices((np.arange(12), {"id": np.array(Y) + 2**40})).batch(5)
    sampler = TFDataSampler(ds, 3, label_output="id", load_fn=lambda number: X[number], seed=0)
    x, codes = sampler[0]
    assert x.shape == (6, 2)
    rows = (x[:, 0] / 2).astype(int)
    assert [Y[row] + 2**40 for row in rows] == [sampler.vocabulary.labels[code] for code in codes]


@pytest.mark.slow
@needs_tensorflow
def test_tf_data__bad_data_sets():
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((X, Y))
    short = tf.data.Dataset.from_generator(
        lambda: iter([(1.0, 2)] * 3),
        output_signature=(tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.int64)),
    )
    with pytest.raises(ValueError, match="`ds` must end: it is infinite"):
        TFDataSampler(pairs.repeat())
    with pytest.raises(ValueError, match=r"`ds` needs elements \(x, y\)"):
        TFDataSampler(pairs.map(lambda x, y: x))
    with pytest.raises(ValueError, match="`ds` promised some elements and ended after 0"):
        TFDataSampler(pairs.filter(lambda x, y: y > 5))
    with pytest.raises(ValueError, match="`ds` promised 8 elements and ended after 3"):
        TFDataSampler(short.apply(tf.data.experimental.assert_cardinality(8)))


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_records__in_any_order__compressed_or_not(tmp_path, compression):
    import tensorflow as tf

    options = tf.io.TFRecordOptions(compression_type=compression or "")
    for shard in range(2):
        with tf.io.TFRecordWriter(str(tmp_path / f"{shard}.tfrec"), options) as writer:
            for row in range(shard * 6, shard * 6 + 6):
                writer.write(np.float32([*X[row], Y[row]]).tobytes())

    def parse(record):
        values = tf.io.decode_raw(record, tf.float32)
        return values[:2], tf.cast(values[2], tf.int64)

    sampler = TFRecordDatasetSampler(tmp_path, parse, 2, 6, compression=compression, seed=0)
    x, y = sampler.get_slice()
    assert np.array_equal(x, X)
    assert list(y) == Y


@needs_tensorflow
def test_records__bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="`shard_path` needs TFRecord files: none match"):
        TFRecordDatasetSampler(tmp_path, None)
    (tmp_path / "a.tfrec").write_bytes(b"")
    with pytest.raises(ValueError, match="`batch_size` must be a multiple of `example_per_class`: got 5 and 2"):
        TFRecordDatasetSampler(tmp_path, None, 2, 5)
