"""Drawings that are moved and scaled to fill their images, as the page on quality trains on them."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("a source distribution has no benchmarks", allow_module_level=True)


@pytest.fixture
def framed(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from quality.framing import framed

    return framed


def drawn(rows, columns):
    """One image of 28 × 28 pixels, with ink in a rectangle."""
    image = np.zeros((1, 28, 28, 1), np.uint8)
    image[:, rows, columns] = 255
    return image


def ends(image):
    """First and last row, first and last column with ink."""
    rows, columns = np.nonzero(image[0, ..., 0] > 127)
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_square_at_the_rim__comes_to_fill_the_image(framed):
    for corner in (slice(0, 12), slice(16, 28)):
        # A pixel of 14 beside it on each side: 2 of 28.
        assert ends(framed(drawn(corner, corner), 28)) == (2, 25, 2, 25)
    assert ends(framed(drawn(slice(0, 12), slice(16, 28)), 14)) == (1, 12, 1, 12)


def test_line__fills_one_side_and_becomes_wider_by_the_root(framed):
    line = drawn(slice(4, 24), slice(1, 4))
    standing, lying = framed(line, 28), framed(line.swapaxes(1, 2), 28)
    np.testing.assert_array_equal(lying, standing.swapaxes(1, 2))
    top, bottom, left, right = ends(standing)
    assert (top, bottom) == (1, 26)
    # A frame of 5 columns and 22 rows: √(5 · 22) = 10.5 of the pixels that were are shown across.
    assert right - left + 1 == round(3 * 28 / np.sqrt(5 * 22)) == 8
    assert left == 27 - right


def test_image_without_a_drawing__stays_empty_and_each_is_framed_by_itself(framed):
    empty = np.zeros((1, 28, 28, 1), np.uint8)
    square = drawn(slice(0, 12), slice(0, 12))
    seen = framed(np.concatenate([empty, square]), 28)
    assert not seen[0].any()
    np.testing.assert_array_equal(seen[1:], framed(square, 28))


def test_drawings_of_several_parts__are_those_of_one(framed, monkeypatch):
    images = np.concatenate([drawn(slice(0, size), slice(3, 20)) for size in range(5, 15)])
    whole = framed(images, 20)
    monkeypatch.setattr("quality.framing.PART", 3)
    np.testing.assert_array_equal(framed(images, 20), whole)
    assert whole.shape == (10, 20, 20, 1)
