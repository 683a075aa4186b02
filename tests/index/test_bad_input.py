"""Nothing bad gets in: each is an error that names what was wrong, and the index is as it was."""

import datetime
import decimal

import numpy as np
import pytest

from keras_similarity import Index

GOOD = [[1.0, 2.0], [3.0, 4.0]]


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.fixture(params=["memory", "disk"])
def index(request, tmp_path):
    store = "memory" if request.param == "memory" else tmp_path / "index"
    with Index(2, store=store, durability="fast") as index:
        index.add([[1.0, 0.0]], ["kept"], ids=["a"], metadata=[{"n": 1}])
        yield index
        if request.param == "disk":  # what was refused left nothing behind
            assert index.check().ok


BAD_VECTORS = {
    "nan": ([[1, 2], [np.nan, 2]], ValueError, "row 1 holds nan"),
    "inf": ([[1, 2], [1, -np.inf]], ValueError, "row 1 holds -inf"),
    "zero": ([[1, 2], [0, -0.0]], ValueError, "row 1 is all zeros"),
    "subnormal": ([[1e-40, 1e-40]], ValueError, "row 0 is nearly all zeros"),
    "beyond float32": ([[1e30, 1e39]], ValueError, "row 0 holds inf"),
    "norm beyond float32": ([[1e30, 1]], ValueError, r"row 0 has norm 1e\+30"),
    "width": ([[1, 2, 3]], ValueError, r"shape \(n, 2\): got shape \(1, 3\)"),
    "1-D": ([1, 2], ValueError, r"got shape \(2,\)"),
    "3-D": ([[[1, 2]]], ValueError, r"got shape \(1, 1, 2\)"),
    "scalar": (3.0, ValueError, r"got shape \(\)"),
    "ragged": ([[1, 2], [1]], ValueError, "rows of different lengths"),
    "complex": ([[1j, 2]], TypeError, "got dtype complex128"),
    "strings": ([["1", "2"]], TypeError, "got dtype <U1"),
    "objects": ([[None, 1]], TypeError, "got dtype object"),
    "bools": ([[True, False]], TypeError, "got dtype bool"),
    "masked": (np.ma.masked_equal([[1.0, 2.0]], 1.0), ValueError, "some are masked"),
}


@pytest.mark.parametrize(("values", "error", "message"), BAD_VECTORS.values(), ids=BAD_VECTORS)
def test_vectors(index, values, error, message):
    with pytest.raises(error, match=rf"`embeddings`[\s\S]*{message}"):
        index.add(values)
    with pytest.raises(error, match=rf"`queries`[\s\S]*{message}"):
        index.search(values)
    assert list(index) == ["a"]


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ">f4", np.int8, np.uint8, np.int64])
@pytest.mark.parametrize("layout", ["plain", "fortran", "strided", "read-only", "reversed"])
def test_vectors_of_any_type_and_layout__give_the_same_answer(dtype, layout, rng):
    values = rng.integers(1, 100, (30, 4)).astype(dtype)
    arranged = {
        "plain": values,
        "fortran": np.asfortranarray(values),
        "strided": np.repeat(values, 2, axis=1)[:, ::2],
        "read-only": values.copy(),
        "reversed": values[::-1].copy()[::-1],
    }[layout]
    arranged.setflags(write=layout != "read-only")
    index = Index(4, "euclidean")
    index.add(arranged)
    found = index.search(arranged, k=1)
    plain = Index(4, "euclidean")
    plain.add(values.astype(np.float32))
    assert found.ids.tolist() == plain.search(values.astype(np.float32), k=1).ids.tolist()
    assert (found.distances == 0).all()


@pytest.mark.parametrize("dim", [1, 4096, 65536])
def test_dimension(dim, rng):
    gallery = rng.normal(size=(12, dim)).astype(np.float32)
    index = Index(dim)
    index.add(gallery)
    assert index.search(gallery[3:5], k=1).distances[:, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("k", [0, -1, 1.5, "10", True, None, 2**70, 1e30, np.float32(3), [1]], ids=repr)
def test_k(index, k):
    with pytest.raises(ValueError, match="`k` m"):
        index.search(GOOD, k=k)


@pytest.mark.parametrize("k", [np.int8(3), np.uint64(3), 3], ids=repr)
def test_k__of_any_whole_type(index, k):
    assert index.search(GOOD, k=k).ids.shape == (2, 3)


BAD_BESIDE = {
    "fewer labels": ({"labels": ["x"]}, ValueError, "`labels` needs one entry per row"),
    "label nan": ({"labels": ["x", float("nan")]}, ValueError, "`labels` cannot be NaN.*row 1"),
    "label list": ({"labels": ["x", ["y"]]}, TypeError, "row 1 is a list"),
    "label date": ({"labels": ["x", datetime.date(2026, 1, 1)]}, TypeError, "row 1 is datetime.date"),
    "label huge": ({"labels": ["x", "y" * 2000]}, ValueError, "at most 1024 characters: row 1"),
    "label surrogate": ({"labels": ["x", "\udc80"]}, ValueError, "of valid Unicode: row 1"),
    "one-hot labels": ({"labels": np.eye(2)}, ValueError, r"got shape \(2, 2\)"),
    "ids twice": ({"ids": ["b", "b"]}, ValueError, "'b' is there twice"),
    "fewer ids": ({"ids": ["b"]}, ValueError, "`ids` needs one entry per row"),
    "id huge": ({"ids": ["b", "x" * 10**7]}, ValueError, "row 1 is 'xxx"),
    "id path": ({"ids": ["b", "../../x"]}, ValueError, "row 1 is '../../x'"),
    "metadata dict": ({"metadata": {"a": 1}}, TypeError, "needs a list with one dict per row: got a dict"),
    "metadata list": ({"metadata": [{}, [1]]}, TypeError, r"row 1 is \[1\], a list"),
    "metadata key": ({"metadata": [{}, {1: 2}]}, TypeError, "strings for keys: row 1 has 1"),
    "metadata inner key": ({"metadata": [{}, {"a": {1: 2}}]}, TypeError, "strings for keys: row 1 has 1"),
    "metadata nan": ({"metadata": [{}, {"a": float("nan")}]}, ValueError, r"metadata\['a'\].*row 1 holds nan"),
    "metadata inf": ({"metadata": [{}, {"a": [float("inf")]}]}, ValueError, "row 1 holds inf"),
    "metadata big": ({"metadata": [{}, {"a": 2**64}]}, ValueError, "ints of 64 bits: row 1"),
    "metadata date": ({"metadata": [{}, {"a": datetime.datetime.now(datetime.UTC)}]}, TypeError, "row 1 .* datetime"),
    "metadata decimal": ({"metadata": [{}, {"a": decimal.Decimal(1)}]}, TypeError, "row 1 .* Decimal"),
    "metadata bytes": ({"metadata": [{}, {"a": b"x"}]}, TypeError, "row 1 holds b'x'"),
    "metadata deep": ({"metadata": [{}, {"a": deep(100_000)}]}, ValueError, "may have 32 levels: row 1"),
    "metadata surrogate": ({"metadata": [{}, {"a": "\ud800"}]}, ValueError, "valid Unicode: row 1"),
    "fewer metadata": ({"metadata": [{}]}, ValueError, "`metadata` needs one entry per row"),
    "data object": ({"data": ["x", object()]}, TypeError, "row 1 is a object"),
    "data set": ({"data": ["x", {1}]}, TypeError, "row 1 is a set"),
    "data deep": ({"data": ["x", deep(100_000)]}, ValueError, "may have 32 levels: row 1"),
    "data key": ({"data": ["x", {1: 2}]}, TypeError, "strings for keys: row 1"),
    "data scalar": ({"data": 3}, TypeError, "needs one value per row: got a single int"),
    "data string": ({"data": "xy"}, TypeError, "needs one value per row: got a single str"),
}


@pytest.mark.parametrize(("beside", "error", "message"), BAD_BESIDE.values(), ids=BAD_BESIDE)
def test_what_is_kept_beside_vectors(index, beside, error, message):
    with pytest.raises(error, match=message):
        index.add(GOOD, **beside)
    assert list(index) == ["a"]
    record = index.get(["a"])[0]
    assert (record.label, record.metadata) == ("kept", {"n": 1})
    assert index.add([[1.0, 1.0]]).tolist() == [0]  # the counter did not move


def test_error_message_of_a_huge_value__stays_short(index):
    with pytest.raises(ValueError, match="`ids`") as caught:
        index.add([[1.0, 0.0]], ids=["x" * 10**7])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "labels", [list(range(2)), [None, None], ["x", 1], [2**70, -5], [True, False], ["ü", "🙂"], [b"\x00", ("a", 1)]]
)
def test_labels_of_any_kind__come_back(labels, tmp_path):
    index = Index(2)
    index.add(GOOD, labels)
    index.save(tmp_path / "x")
    assert [record.label for record in Index.open(tmp_path / "x").records()] == labels


def test_names_that_look_alike__stay_apart():
    index = Index(2)
    index.add(np.ones((4, 2)), ids=["e\u0301", "\u00e9", "1", 1])  # composed and decomposed é; "1" and 1
    assert len(index) == 4
    assert [item_id in index for item_id in ("\u00e9", 1, "1", "é"[::-1], 1.0, None, True)] == [True] * 4 + [False] * 3


def test_a_million_labels(rng):
    index = Index(2)
    labels = np.arange(10**6)
    index.add(rng.normal(size=(10**6, 2)), labels)
    assert index.label_counts([0, 999_999, -1]).tolist() == [1, 1, 0]


@pytest.mark.parametrize("bad", [[["a"]], [1.5], 7, ["../.."]], ids=repr)
def test_ids_to_get_and_remove(index, bad):
    for call in (index.get, index.remove):
        with pytest.raises((TypeError, ValueError), match="`ids`"):
            call(bad)
    assert list(index) == ["a"]


def test_ids_that_cannot_be__are_not_in_the_index(index):
    assert [bad in index for bad in ("../..", "", -1, None, 1.5, "x" * 10**6)] == [False] * 6
