"""Defects of the samplers of TensorFlow Similarity, a test each."""

import importlib
import importlib.util

import keras
import numpy as np
import pytest

from keras_similarity.samplers import MultiShotMemorySampler, select_examples

X = np.arange(20, dtype=np.float32)[:, None]
Y = np.arange(20) % 5


def array_types():
    wanted = [1, 3]
    yield from (wanted, tuple(wanted), set(wanted), np.array(wanted), np.array(wanted, np.uint8), iter(wanted))
    yield from ({1: "a", 3: "b"}.keys(), range(1, 4, 2), keras.ops.convert_to_tensor(wanted))
    for name, make in (("torch", "tensor"), ("tensorflow", "constant")):
        if importlib.util.find_spec(name) is not None:
            yield getattr(importlib.import_module(name), make)(wanted)


def test_class_list__any_iterable_array_or_tensor():
    for class_list in array_types():
        sampler = MultiShotMemorySampler(X, Y, class_list=class_list, seed=0)
        assert sampler.vocabulary.labels == [1, 3], type(class_list)


def test_select_examples__is_without_replacement():
    x, y = select_examples(X, Y, num_examples_per_class=4, seed=0)
    assert sorted(x[:, 0].tolist()) == list(range(20))
    x, y = select_examples(X, Y, class_list=np.array([0, 2]), num_examples_per_class=6, seed=0)
    assert np.unique(y, return_counts=True)[1].tolist() == [4, 4]
    assert len(np.unique(x)) == 8
    assert np.array_equal(x[:, 0] % 5, y)


def test_warmup__none_by_default__and_ends_on_time():
    sampler = MultiShotMemorySampler(X + 1, Y, augmenter=np.negative, seed=0)
    assert sampler[0][0].max() < 0
    sampler = MultiShotMemorySampler(X + 1, Y, augmenter=np.negative, seed=0, warmup=1)
    assert sampler[0][0].min() > 0
    sampler.on_epoch_end()
    assert sampler[0][0].max() < 0


def test_labels__strings_negative_and_above_2_to_24_stay_apart():
    for labels in (["a", "b"], [-1, -(2**40)], [2**24, 2**24 + 1], [("a", 1), ("a", 2)]):
        y = [labels[row % 2] for row in range(20)]
        sampler = MultiShotMemorySampler(X, y, seed=0)
        x, codes = sampler[0]
        assert [y[int(row)] for row in x[:, 0]] == [sampler.vocabulary.labels[code] for code in codes]
        assert np.bincount(codes).tolist() == [2, 2]


def test_many_augmentations__labels_are_repeated_with_them():
    sampler = MultiShotMemorySampler(X, Y, augmenter=lambda x: x + 0.25, num_augmentations_per_example=3, seed=0)
    x, codes = sampler[0]
    assert (x.shape, codes.shape) == ((12, 1), (12,))
    assert [Y[int(row)] for row in x[:, 0]] == [sampler.vocabulary.labels[code] for code in codes]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [None, *Y[1:].tolist()]}, "`y` needs a label for every example: row 0 has none"),
        ({"y": [float("nan"), *Y[1:].tolist()]}, "`y` cannot be NaN"),
        ({"class_list": []}, "`class_list` names classes without examples"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0: got -1"),
        ({"small_classes": "hide"}, "`small_classes` must be one of"),
        ({"families": Y}, "`families` and `families_per_batch` go together"),
        ({"families": np.arange(20), "families_per_batch": 2}, "`families` needs one family for each class"),
        ({"families": Y, "families_per_batch": 3}, "`families_per_batch` must divide `classes_per_batch`"),
        ({"workers": -1}, "`workers` must be"),
    ],
)
def test_bad_input__names_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiShotMemorySampler(**({"x": X, "y": Y} | arguments))
