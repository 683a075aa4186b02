import numpy as np
import pytest

from keras_similarity.inspection import coverage, find_duplicates, find_label_issues, find_outliers, neighbor_graph
from keras_similarity.visualization import viz_coverage, viz_duplicates, viz_label_issues, viz_outliers

pytest.importorskip("matplotlib")  # the extras `viz` and `data`; left out of the environment without a framework
pytest.importorskip("pandas")


@pytest.fixture
def graph(rng):
    labels = np.repeat(["cat", "dog"], 20)
    rows = rng.normal(size=(40, 2)) + 12 * (labels == "dog")[:, None]
    labels[[3, 30]] = ["dog", "cat"]
    rows[11] = rows[10]
    rows[39] = [60, -40]
    return neighbor_graph(rows, labels, ids=[f"item {row}" for row in range(40)], distance="euclidean", k=8)


def drawn(figure):
    """Caption of each cell that has one, and what it shows."""
    cells = [cell for cell in figure.axes if cell.get_title()]
    return {cell.get_title(): cell.images[0].get_array() if cell.images else cell.texts[0].get_text() for cell in cells}


def test_label_issues__each_with_both_labels(graph, rng):
    frame = find_label_issues(graph)
    images = {item: rng.random((5, 4)) for item in graph.ids.tolist()}
    cells = drawn(viz_label_issues(frame, images))
    assert len(cells) == len(frame) == 2
    for row in frame.to_dict("records"):
        caption = f"{row['label']}\n→ {row['suggested']}\n{row['score']:.1f}"
        np.testing.assert_array_equal(cells[caption], images[row["id"]])


def test_outliers__the_farthest_first__images_from_a_function(graph):
    figure = viz_outliers(find_outliers(graph), lambda item: np.full((2, 2, 3), float(item.split()[1])), most=1)
    ((caption, image),) = drawn(figure).items()
    assert caption.startswith("dog\n")
    assert np.asarray(image).shape == (2, 2, 3)


def test_duplicates__group_after_group__text_where_there_is_no_image(graph):
    cells = drawn(viz_duplicates(find_duplicates(graph, 0.01), {"item 10": "ten", "item 11": None}))
    assert list(cells.values())[-1] == "None" or len(cells) == 1
    assert all(caption.startswith("0: cat") for caption in cells)


def test_duplicates__labels_that_differ_are_said():
    frame = find_duplicates(neighbor_graph(np.eye(3)[[0, 0, 1, 2]], ["a", "b", "a", "a"]), 0)
    assert "labels differ" in next(iter(drawn(viz_duplicates(frame, np.zeros((4, 3, 3, 1))))))


def test_nothing_found__says_so(graph):
    figure = viz_label_issues(find_label_issues(graph, np.inf), {})
    assert figure.get_suptitle() == "no label looks wrong"


def test_coverage__a_bar_for_each_label(graph, tmp_path):
    frame = coverage(graph, fewest=21)
    figure = viz_coverage(frame)
    counts, recall = figure.axes
    assert [patch.get_width() for patch in counts.patches] == frame["items"].tolist()
    np.testing.assert_allclose([patch.get_width() for patch in recall.patches], frame["recall@1"])
    assert [tick.get_text() for tick in counts.get_yticklabels()] == [f"{label} (thin)" for label in frame["label"]]
    figure.savefig(tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000
