"""Pictures of training: the views that go in, the curves that come out, the queries that stay wrong."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.evaluate import find_labeled
from keras_similarity.visualization import viz_training, viz_views, viz_worst_queries

pytest.importorskip("matplotlib")


def test_views__a_row_an_example__a_column_a_view(rng):
    views = [rng.random((5, 8, 8, 3)), rng.random((5, 8, 8, 3))]
    figure = viz_views(views, [0, 1, 0, 1, 0], class_mapping=["cat", "dog"], most=3)
    assert len(figure.axes) == 6
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), views[1][1])
    assert figure.axes[2].get_ylabel() == "dog"


def test_views__that_do_not_fit__say_what(rng):
    with pytest.raises(ValueError, match="at least one view of one example"):
        viz_views([])
    with pytest.raises(ValueError, match="`views` needs one entry per row"):
        viz_views([rng.random((2, 4, 4)), rng.random((3, 4, 4))])


def test_training__validation_beside_training__best_epoch_marked():
    curves = {
        "loss": [3, 2, 1],
        "val_loss": [4, np.nan, 5],
        "val_recall@1": [0.1, 0.9, 0.3],
        "val_positive_distance": [0.5, 0.2, 0.4],
        "learning_rate": [1, 1, 1],
    }
    figure = viz_training(SimpleNamespace(history=curves))
    loss, recall, positive = figure.axes
    assert (loss.get_title(), recall.get_title()) == ("loss", "recall@1")
    assert [line.get_label() for line in loss.lines] == ["training", "validation", "best 4, epoch 1"]
    assert recall.lines[1].get_label() == "best 0.9, epoch 2"
    assert positive.lines[1].get_label() == "best 0.2, epoch 2"
    assert [axes.get_title() for axes in viz_training(curves, ["learning_rate"]).axes] == ["learning_rate"]


def test_training__nothing_to_draw__says_so():
    with pytest.raises(ValueError, match="at least one epoch"):
        viz_training({})
    with pytest.raises(TypeError, match="got list"):
        viz_training([1, 2])
    with pytest.raises(ValueError, match="`metrics` must be one of 'loss'"):
        viz_training({"loss": [1]}, ["los"])


def test_worst_queries__those_whose_right_neighbour_comes_latest__on_top():
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "b", "c"], data=list(np.zeros((4, 4, 4))))
    found = find_labeled(index, [[0.1], [0.2], [-0.1], [0.0]], ["a", "b", "c", "owl"], k=3)
    figure = viz_worst_queries(found, np.zeros((4, 4, 4)), most=9, shown=2)
    titles = [axes.get_title() for axes in figure.axes[::3]]
    assert titles == ["query: c\nnone in 3", "query: b\nright at 2", "query: a\nright at 1"]
    assert [axes.get_title()[0] for axes in figure.axes[3:6]] == ["q", "✗", "✓"]


def test_worst_queries__none_that_can_be_right__says_so():
    index = Index(1, "euclidean")
    index.add([[0.0]], ["a"])
    with pytest.raises(ValueError, match="one whose label the index holds"):
        viz_worst_queries(find_labeled(index, [[1.0]], ["owl"], k=1), [np.zeros((2, 2))])
