import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.core.item_ids import as_ids
from keras_similarity.index import ids as module
from keras_similarity.index.ids import IdTable

SOME = st.one_of(st.integers(0, 9), st.integers(0, 9).map(str))


@given(st.lists(SOME, max_size=60), st.booleans(), st.integers(1, 20))
def test_id_table__any_ids_in_any_steps__finds_the_newest_row(known, only_ints, step):
    known = [int(value) for value in known] if only_ints else known
    few, module.FEW_RECENT = module.FEW_RECENT, 5  # so that rows are sorted in
    try:
        table = IdTable()
        for stop in range(step, len(known) + step, step):
            rows = np.empty(len(known[:stop]), object)
            rows[:] = known[:stop]
            rows = rows.astype(np.int64) if all(isinstance(value, int) for value in rows) else rows
            wanted = as_ids([*range(11), *map(str, range(11))])
            newest = {value: row for row, value in enumerate(rows.tolist())}
            assert table.find(wanted, rows).tolist() == [newest.get(value, -1) for value in wanted.tolist()]
            ints = np.arange(11)
            assert table.find(ints, rows).tolist() == [newest.get(value, -1) for value in ints.tolist()]
    finally:
        module.FEW_RECENT = few


@pytest.mark.parametrize("dtype", ["int8", "uint32", "uint64", ">i4", "int64"])
def test_as_ids__whole_numbers_of_any_kind__are_int64(dtype):
    ids = as_ids(np.array([3, 1, 2], dtype))
    assert (ids.dtype, ids.tolist()) == (np.int64, [3, 1, 2])


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda values: np.array(values, object), dict.fromkeys])
def test_as_ids__any_sequence__is_taken(kind):
    assert as_ids(kind(["a", 2])).tolist() == ["a", 2]


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (np.array([1, -1]), ValueError, "row 1 is -1"),
        (np.array([1, 2, 1]), ValueError, "1 is there twice"),
        (np.array([2**63 + 5], np.uint64), ValueError, "row 0 is 9223372036854775813"),
        (np.array([1.0]), TypeError, "row 0 is 1.0"),
        (np.array([[1], [2]]), ValueError, r"got shape \(2, 1\)"),
        (["a", None], TypeError, "row 1 is None"),
        (["a", b"b"], TypeError, "row 1 is b'b'"),
        (["a", ""], ValueError, "are not empty: row 1 is ''"),
        (["x" * 10_000_000], ValueError, r"have at most 512 bytes: row 0 is 'xxx.*\(10000000 characters\)"),
        (["ü" * 300], ValueError, "have at most 512 bytes"),
        (["a\0b"], ValueError, "hold no NUL"),
        (["\ud800"], ValueError, "are valid Unicode"),
        (["fine", "../../x"], ValueError, "do not climb out of a folder: row 1 is '../../x'"),
        (["a\\..\\b"], ValueError, "do not climb"),
        ("abc", TypeError, "got the single str 'abc'"),
        (5, ValueError, r"got shape \(\)"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_as_ids__bad_id__names_row_and_value(ids, error, message):
    with pytest.raises(error, match=message):
        as_ids(ids)


@pytest.mark.parametrize("name", ["a/b.jpg", "..hidden", "x..y", "日本語", "e\u0301", "\u00e9", "🙂", "a b", "'; --"])
def test_as_ids__unusual_names__are_ids(name):
    assert as_ids([name]).tolist() == [name]


@pytest.mark.parametrize("ids", [None, ["x", "y"]], ids=["counted", "strings"])
def test_ids_that_add_returned__are_in_the_index(ids):
    index = Index(1, "euclidean")
    added = index.add([[0.0], [1.0]], ids=ids)
    assert all(item in index for item in added)
    assert all(item in index for item in np.array(added.tolist()))
    assert not any(other in index for other in (np.int64(7), np.str_("z"), np.bool_(True), np.float64(0), np.zeros(1)))


@pytest.mark.parametrize("ids", [[5, 8], ["x", 5]], ids=["ints", "strings too"])
def test_contains__of_any_values__tells_which_are_ids_of_items(ids):
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0]], ids=ids)
    index.remove([8])
    values = [5, "x", np.int64(5), 5, 8, "5", True, 5.0, -1, None, "", [5], "../..", 2**70]
    expected = [True, "x" in ids, True, True] + [False] * 10
    assert index.contains(values).tolist() == expected == [value in index for value in values]
    assert index.contains(np.array([8, 5])).tolist() == [False, True]
    assert index.contains([]).tolist() == []
    with pytest.raises(TypeError, match="needs one id per row: got the single str"):
        index.contains("x")
