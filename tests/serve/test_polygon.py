"""Which points lie inside a polygon."""

import numpy as np

from keras_similarity.serve.explorer.polygon import inside_polygon


def test_inside_polygon__a_bay_is_outside(rng):
    points = rng.uniform(-1, 4, (500, 2)).astype(np.float32)
    bay = [[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]]
    x, y = points.T
    expected = (x > 0) & (x < 3) & (y > 0) & (y < 3) & ~((x > 1) & (x < 2) & (y > 1))
    assert inside_polygon(points, np.array(bay, float)).tolist() == np.flatnonzero(expected).tolist()


def test_inside_polygon__where_the_outline_goes_round_twice__is_outside():
    turns = np.arange(5) * 2 * (2 * np.pi / 5)  # a star drawn in one line
    star = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    assert inside_polygon(np.array([[0, 0], [0.8, 0]], np.float32), star).tolist() == [1]
