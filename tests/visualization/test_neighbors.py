import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.visualization import viz_neighbors, viz_neighbors_grid
from keras_similarity.visualization.neighbors import RIGHT, WRONG

pytest.importorskip("matplotlib")  # the extra `viz`; left out of the environment without a framework


def neighbors_of(query, data, k=3):
    index = Index(2, "euclidean")
    index.add(np.array([[0, 0], [1, 0], [5, 0]]), labels=["cat", "dog", "cat"], data=data)
    return index.search([query], k=k)


def frames(figure):
    """Title, colour and line of each item drawn after the query, left to right."""
    cells = [cell for cell in figure.axes if cell.get_title()][1:]
    return [(cell.get_title(), cell.patches[-1].get_edgecolor(), cell.patches[-1].get_linestyle()) for cell in cells]


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4), (7,)], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool])
def test_right_and_wrong_differ_in_sign_colour_and_line(shape, dtype, rng):
    data = [rng.uniform(0, 255, shape).astype(dtype) for _ in range(3)]
    figure = viz_neighbors(data[0], "cat", neighbors_of([0, 0], data)[0], show=False)
    titles, colours, lines = zip(*frames(figure), strict=True)
    assert titles == (f"{RIGHT['sign']} cat\n0.000", f"{WRONG['sign']} dog\n1.000", f"{RIGHT['sign']} cat\n5.000")
    assert colours[0] == colours[2] != colours[1]
    assert lines[0] == lines[2] != lines[1]


def test_class_mapping__dict_or_list__names_labels():
    index = Index(1, "euclidean")
    index.add([[0], [1]], labels=[0, 1], data=np.zeros((2, 3, 3)))
    for mapping in ({0: "shoe", 1: "bag"}, ["shoe", "bag"]):
        figure = viz_neighbors(np.zeros((3, 3)), 1, index.search([[0]], k=2)[0], class_mapping=mapping, show=False)
        assert [cell.get_title() for cell in figure.axes] == ["query: bag", "✗ shoe\n0.000", "✓ bag\n1.000"]


def test_items_without_an_image__are_still_drawn():
    figure = viz_neighbors("text", "cat", neighbors_of([0, 0], ["one", None, {"a": 1}])[0], show=False)
    assert len(frames(figure)) == 3


def test_no_neighbours__draws_the_query_alone():
    assert frames(viz_neighbors(np.zeros((2, 2)), "cat", Index(2).search([[1, 0]])[0], show=False)) == []


def test_grid_draws_a_row_each(tmp_path):
    result = neighbors_of([0, 0], list(np.zeros((3, 2, 2))))
    figure = viz_neighbors_grid(np.zeros((1, 2, 2)), ["cat"], result)
    figure.savefig(tmp_path / "n.png")
    assert (tmp_path / "n.png").stat().st_size > 1000


@pytest.mark.parametrize(("examples", "labels"), [(np.zeros((2, 2, 2)), ["cat"]), (np.zeros((0, 2, 2)), [])])
def test_grid__bad_input__says_what(examples, labels):
    with pytest.raises(ValueError, match=r"needs one entry per row|at least one query"):
        viz_neighbors_grid(examples, labels, neighbors_of([0, 0], [1, 2, 3]), show=False)


def test_pictures_do_not_pile_up_in_pyplot():
    from matplotlib import pyplot

    before = len(pyplot.get_fignums())
    viz_neighbors(np.zeros((2, 2)), "cat", neighbors_of([0, 0], [None] * 3)[0])
    assert len(pyplot.get_fignums()) == before
