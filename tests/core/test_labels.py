import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_similarity.core import LabelVocabulary
from keras_similarity.core.labels import NO_LABEL, label_list

LABELS = st.one_of(st.integers(), st.text(), st.tuples(st.integers(), st.text()), st.booleans(), st.none())


@given(st.lists(LABELS))
def test_decode_gives_back_what_encode_took(labels):
    vocabulary = LabelVocabulary()
    codes = vocabulary.encode(labels)
    assert codes.dtype == np.int32
    assert vocabulary.decode(codes).tolist() == labels


@given(st.lists(LABELS, min_size=1))
def test_codes_are_equal_exactly_where_labels_are(labels):
    codes = LabelVocabulary().encode(labels)
    for i, left in enumerate(labels):
        for j, right in enumerate(labels):
            assert (codes[i] == codes[j]) == (left == right)


@pytest.mark.parametrize(
    "labels",
    [[2**24, 2**24 + 1], [2**53, 2**53 + 1], [-1, -2], [2**62, 2**62 + 1], ["1", 1], [2**70, 2**70 + 1]],
    ids=str,
)
def test_labels_that_floats_confuse_stay_apart(labels):
    assert len(set(LabelVocabulary().encode(labels).tolist())) == 2


def test_decode__ints__is_int64():
    vocabulary = LabelVocabulary()
    assert vocabulary.decode(vocabulary.encode(np.array([5, -3], np.int16))).dtype == np.int64


def test_find__unknown_label__is_no_label():
    vocabulary = LabelVocabulary(["a"])
    assert vocabulary.find(["a", "b"]).tolist() == [0, NO_LABEL]
    assert len(vocabulary) == 1


def test_label_list__column_of_labels__is_flattened():
    assert label_list(np.array([[3], [4]])) == [3, 4]


def test_label_list__one_hot__says_what_to_do():
    with pytest.raises(ValueError, match=r"shape \(n,\): got shape \(2, 3\)"):
        label_list(np.eye(3)[:2])


def test_label_list__nan__names_its_row():
    with pytest.raises(ValueError, match="row 1 is"):
        label_list([1.0, float("nan")])


def test_label_list__unhashable__names_its_row():
    with pytest.raises(TypeError, match="row 1 is a dict"):
        label_list(["a", {}])


def test_decode__vocabulary_that_grew__knows_the_new_labels():
    vocabulary = LabelVocabulary([3])
    assert vocabulary.decode(np.array([0, -1])).tolist() == [3, None]
    assert vocabulary.decode(vocabulary.encode([3, "x"])).tolist() == [3, "x"]


@pytest.mark.parametrize("labels", [[np.int64(3), 4], [np.str_("a"), "b"], [np.array(2), 5]], ids=str)
def test_label_list__numpy_scalars_in_a_list__become_plain_values(labels):
    assert [type(value) for value in label_list(labels)] == [type(labels[1])] * 2


class Growing(list):
    """Labels to which another thread adds two while the first is looked at."""

    def __iter__(self):
        for place, label in enumerate(super().__iter__()):
            if place == 0:
                self.extend(["new", "newer"])
            yield label


@pytest.mark.parametrize("labels", [["a", "b"], [1, 2]], ids=str)
def test_decode__labels_added_by_another_thread_meanwhile__invents_none(labels):
    vocabulary = LabelVocabulary(labels)
    vocabulary.labels = Growing(vocabulary.labels)
    assert vocabulary.decode(np.array([NO_LABEL, 0, 1])).tolist() == [None, *labels]
