import numpy as np
import pytest

from keras_similarity.core.checks import as_vectors, check_k


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, np.nan]], "row 0 holds nan"),
        ([[1.0, 2.0], [np.inf, 2.0]], "row 1 holds inf"),
        ([[1.0, 1e39]], "row 0 holds inf"),
        ([[1.0, 2.0, 3.0]], r"shape \(n, 2\): got shape \(1, 3\)"),
        ([1.0, 2.0], r"got shape \(2,\)"),
        ([[1.0, 2.0], [1.0]], "rows of different lengths"),
        ([[0.0, 0.0]], "row 0 is all zeros"),
        ([[1.0, 0.0], [1e-20, 1e-20]], "row 1 is nearly all zeros"),
        ([[1.0, 0.0], [2e19, 1e19]], r"row 1 has norm 2.24e\+19"),
        (np.ma.masked_equal([[1.0, 2.0]], 2.0), "some are masked"),
    ],
    ids=["nan", "inf", "beyond float32", "width", "1-D", "ragged", "zero", "tiny", "norm", "masked"],
)
def test_as_vectors__bad_rows__names_what_is_wrong(values, message):
    with pytest.raises(ValueError, match=message):
        as_vectors(values, name="queries", dim=2, unit_norm=True)


@pytest.mark.parametrize("row", [[np.nan, 1.0], [-np.inf, 1.0], [0.0, 0.0]])
def test_as_vectors__one_float32_row__is_checked_like_any(row):
    with pytest.raises(ValueError, match="row 0"):
        as_vectors(np.array([row], np.float32), name="queries", dim=2, unit_norm=True)


@pytest.mark.parametrize("row", [[0.0, 0.0], [1e19, 1e19], [1e-45, 0.0]], ids=["zero", "huge", "subnormal"])
def test_as_vectors__one_float32_row_of_any_finite_norm__passes(row):
    row = np.array([row], np.float32)
    assert np.array_equal(as_vectors(row, name="queries", dim=2), row)


@pytest.mark.parametrize("values", [[["a", "b"]], [[1j, 2]], [[None, 1.0]]], ids=["text", "complex", "object"])
def test_as_vectors__not_real_numbers__is_a_type_error(values):
    with pytest.raises(TypeError, match="`queries` needs real numbers"):
        as_vectors(values, name="queries")


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int8", "uint16"])
def test_as_vectors__other_layouts__hold_the_same_numbers(dtype):
    values = np.arange(12).reshape(3, 4)
    for layout in (np.asarray(values, dtype), np.asfortranarray(values.astype(dtype)), np.repeat(values, 2, 0)[::2]):
        vectors = as_vectors(layout, name="x")
        assert vectors.dtype == np.float32
        assert vectors.flags.c_contiguous
        assert vectors.tolist() == values.tolist()


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", True, None, 2.0], ids=repr)
def test_check_k__not_a_whole_number_above_0__shows_it(k):
    with pytest.raises(ValueError, match="`k` must be a whole number of at least 1: got"):
        check_k(k)


def test_check_k__numpy_integer__is_fine():
    assert check_k(np.int64(3)) == 3
