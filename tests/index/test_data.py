"""Data of NumPy kinds: what `add` takes can be saved, and comes back alike from memory, a saved folder and disk."""

import numpy as np
import pytest

from keras_similarity import Index

DATA = {
    "float32 array": (np.array([1.5, np.nan], np.float32), [1.5, float("nan")]),
    "uint8 array": (np.array([1, 255], np.uint8), [1, 255]),
    "bool array": (np.array([True, False]), [True, False]),
    "text array": (np.array(["é", ""]), ["é", ""]),
    "bytes array": (np.array([b"a", b"b"]), [b"a", b"b"]),
    "date array": (np.array(["2020-01-01", "NaT"], "M8[ns]"), np.array(["2020-01-01", "NaT"], "M8[ns]")),
    "complex array": (np.array([1j, 2.0], np.complex64), np.array([1j, 2.0], np.complex64)),
    "numbers": ([np.float32(1.5), np.int8(-1)], [1.5, -1]),
    "dates": ([np.datetime64("2020-01-01"), None], [np.datetime64("2020-01-01"), None]),
    "spans": ([np.timedelta64(1, "D"), "x"], [np.timedelta64(1, "D"), "x"]),
    "complex": ([np.complex64(1j), np.array(2j)], [np.complex64(1j), np.complex128(2j)]),
    "rows": (np.eye(2), np.eye(2)),
}


def said(values):
    return [(type(value), getattr(value, "dtype", None), repr(value)) for value in values]


@pytest.mark.parametrize(("data", "expected"), DATA.values(), ids=DATA)
def test_data__from_memory_a_saved_folder_and_disk__is_the_same(data, expected, tmp_path):
    memory = Index(1, "euclidean")
    with Index(1, "euclidean", store=tmp_path / "disk") as disk:
        for index, name in ((memory, "m"), (disk, "d")):
            index.add([[0.0], [1.0]], data=data)
            index.save(tmp_path / name)
            for found in (index, Index.open(tmp_path / name)):
                assert said(record.data for record in found.records()) == said(expected)
                if found is not disk:
                    found.update([0, 1], labels=["x", "y"])  # what is kept is not checked again
                    assert said(record.data for record in found.records()) == said(expected)


BAD_DATA = {
    "nan": (["x", np.float32("nan")], ValueError, "finite numbers.*row 1 holds nan"),
    "infinity": (["x", np.array(np.inf)], ValueError, "finite numbers.*row 1 holds inf"),
    "big": (["x", np.uint64(2**63)], ValueError, "ints of 64 bits: row 1"),
    "surrogate": (["x", np.str_("\ud800")], ValueError, "valid Unicode: row 1"),
    "long double": (["x", np.longdouble(1)], TypeError, "row 1 holds"),
}


@pytest.mark.parametrize(("data", "error", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_data__that_could_not_be_saved__names_its_row(data, error, message):
    index = Index(1, "euclidean")
    with pytest.raises(error, match=message):
        index.add([[0.0], [1.0]], data=data)
    assert len(index) == 0
