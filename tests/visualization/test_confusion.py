import numpy as np
import pytest

from keras_similarity.evaluate import count_confusions
from keras_similarity.visualization import confusion_matrix

PREDICTED, TRUE = [0, -1, 1, 1, -1, 2], [0, 0, 1, 2, 3, 2]


def test_counts__no_match_is_a_label_like_others():
    """Upstream's picture failed on -1, which `match` returns by default."""
    labels, counts = count_confusions(PREDICTED, TRUE)
    assert labels == [-1, 0, 1, 2, 3]
    assert counts.tolist() == [[0] * 5, [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [1, 0, 0, 0, 0]]


def test_counts__labels_of_kinds_without_a_common_order__and_none():
    labels, counts = count_confusions(["a", None, 3], ["a", (1, 2), 3])
    assert labels == ["a", (1, 2), 3, None]
    assert counts.sum() == 3
    assert counts[1, 3] == counts[0, 0] == counts[2, 2] == 1


def test_counts__chosen_labels__leave_out_the_others():
    labels, counts = count_confusions(PREDICTED, TRUE, [2, 1])
    assert labels == [2, 1]
    assert counts.tolist() == [[1, 1], [0, 1]]


def test_counts__different_lengths__say_what():
    with pytest.raises(ValueError, match="`predicted` needs one entry per row of `true`: got 1 entries for 2 rows"):
        count_confusions([1], [1, 2])


def test_picture__rows_are_true_labels_and_sum_to_1():
    pytest.importorskip("matplotlib")
    axes, matrix = confusion_matrix(PREDICTED, TRUE)
    np.testing.assert_allclose(matrix.sum(axis=1), [0, 1, 1, 1, 1])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["-1", "0", "1", "2", "3"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    numbers = {text.get_position(): text.get_text() for text in axes.texts}  # what is 0 is left blank
    assert numbers == {(0, 1): "0.50", (1, 1): "0.50", (2, 2): "1.00", (2, 3): "0.50", (3, 3): "0.50", (0, 4): "1.00"}
    np.testing.assert_array_equal(axes.images[0].get_array(), matrix)


def test_picture__counts_and_order_on_request__without_numbers_where_there_are_too_many():
    pytest.importorskip("matplotlib")
    axes, matrix = confusion_matrix(PREDICTED, TRUE, normalize=False, labels=[3, -1], title="who is who")
    assert matrix.tolist() == [[0, 1], [0, 0]]
    assert axes.get_title() == "who is who"
    axes, matrix = confusion_matrix(range(40), range(40))
    assert matrix.shape == (40, 40)
    assert len(axes.texts) == 0


def test_picture__nothing_to_draw__says_what():
    with pytest.raises(ValueError, match="at least one label to draw"):
        confusion_matrix([], [])
