import importlib.util
import logging

import numpy as np
import pytest

from keras_similarity.evaluate import evaluate_embeddings
from keras_similarity.visualization import project
from keras_similarity.visualization.projection import BLOCK_ROWS
from real_embeddings import fashion_embeddings


def test_pca__is_the_first_two_directions_of_the_centred_rows(rng):
    rows = (rng.normal(size=(BLOCK_ROWS + 7, 5)) * [1, 5, 2, 0.1, 3] + 100).astype(np.float32)
    plane = project(rows, method="pca")
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    expected *= np.sign((plane * expected).sum(axis=0))
    assert plane.dtype == np.float32
    np.testing.assert_allclose(plane, expected, atol=2e-3)


def test_pca__directions_point_to_the_far_end__whichever_way_the_rows_lie(rng):
    rows = rng.exponential(size=(50, 3)).astype(np.float32)
    for given in (rows, -rows, rows[::-1]):
        plane = project(given, method="pca")
        assert (plane.max(axis=0) >= -plane.min(axis=0)).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pca__few_rows__lie_on_a_line(rng, count):
    rows = rng.normal(size=(count, 4))
    plane = project(rows)
    assert plane.shape == (count, 2)
    np.testing.assert_allclose(plane[:, 1], 0, atol=1e-6)
    if count == 2:
        np.testing.assert_allclose(np.ptp(plane[:, 0]), np.linalg.norm(rows[0] - rows[1]), rtol=1e-5)


def test_pca__rows_of_one_number__have_no_second_direction():
    np.testing.assert_array_equal(project([[1.0], [3.0], [8.0]], method="pca"), [[-3, 0], [-1, 0], [4, 0]])


def test_constant_rows__are_one_point():
    plane = project(np.full((30, 3), 0.7))
    np.testing.assert_allclose(plane, 0, atol=1e-6)
    assert plane.shape == (30, 2)


def test_bad_arguments__say_what(rng):
    rows = rng.normal(size=(20, 3))
    with pytest.raises(ValueError, match="Did you mean 'pacmap'"):
        project(rows, method="pacmab")
    with pytest.raises(ValueError, match="`embeddings` needs finite numbers: row 4"):
        project(np.where(np.arange(20)[:, None] == 4, np.nan, rows))
    with pytest.raises(ValueError, match=r"`embeddings` needs shape \(n, d\)"):
        project(rows[0])
    with pytest.raises(ValueError, match="at least one number"):
        project(np.empty((3, 0)))
    with pytest.raises(ValueError, match="`seed` must be a whole number of at least 0"):
        project(rows, seed=-1)
    with pytest.raises(ValueError, match="needs at least 10 rows that differ: got 9"):
        project(rows[:9], method="pacmap")
    with pytest.raises(ValueError, match="got 20, all the same"):
        project(rows[:1].repeat(20, axis=0), method="pacmap")


def test_auto__without_pacmap__is_pca(rng, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    rows = rng.normal(size=(20, 3))
    np.testing.assert_array_equal(project(rows), project(rows, method="pca"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # numba's, of the threads it finds
def test_pacmap__keeps_neighbours_together__and_is_repeatable(data_folder, caplog):
    pytest.importorskip("pacmap")
    rows, labels = (part[:1000] for part in fashion_embeddings(data_folder))
    caplog.set_level(logging.WARNING)
    plane = project(rows, seed=3)
    assert not caplog.records
    np.testing.assert_array_equal(plane, project(rows, method="pacmap", seed=3))
    assert not np.array_equal(plane, project(rows, method="pacmap", seed=4))

    def right(points):
        return evaluate_embeddings(points, labels, metrics=["recall@1"], distance="euclidean").mean()["recall@1"]

    assert right(plane) > right(project(rows, method="pca")) + 0.1
