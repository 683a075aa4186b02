"""Ids and labels of Parquet files are looked at before anything is embedded, in however many files they are."""

import datetime
import tracemalloc

import numpy as np
import pytest

from bulk_runs import everything
from keras_similarity.embed import Encoder, embed
from keras_similarity.embed.sources import find_source

arrow = pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
parquet = pytest.importorskip("pyarrow.parquet", reason="an extra (data); make test-all has it")

DOUBLE = Encoder(lambda batch: 2 * batch, "vector", (3,), 3, "double")


def none_embedded(batch):
    raise AssertionError("something was embedded")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a": ["x", "y"], "b": ["z", None]}, r"row 1 of b\.parquet has none"),
        ({"a": [5, None]}, r"row 1 of a\.parquet has none"),
        ({"a": [7, 8, 8, 8]}, r"8 is in row 1 of a\.parquet and in row 2 of a\.parquet"),
        ({"a": ["x", "y"], "b": ["1", "z", "y"]}, r"'y' is in row 1 of a\.parquet and in row 2 of b\.parquet"),
        ({"a": ["x"], "b": ["1", "z"], "c": [3, 1, 3]}, r"3 is in row 0 of c\.parquet and in row 2 of c\.parquet"),
        ({"a": [0, 4, -1]}, r"row 2 of a\.parquet is -1"),
        ({"a": ["x", ""]}, r"strings that are not empty: row 1 of a\.parquet is ''"),
        ({"a": ["x"], "b": [0.5, 1.5]}, r"row 0 of b\.parquet is 0\.5, a float"),
        ({"a": ["x"], "b": [[1.0], [2.0]]}, r"row 0 of b\.parquet is \[1\.0\], a list"),
        ({"a": [None, None]}, r"row 0 of a\.parquet has none"),
        ({"a": ["x", "y"], "b": None}, r"in each file or in none: b\.parquet lacks it"),
    ],
    ids=[
        "none",
        "no number",
        "twice",
        "in two files",
        "in others",
        "-1",
        "empty",
        "fractions",
        "lists",
        "all",
        "lacking",
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 8192])
def test_parquet_ids_that_no_index_takes__are_refused_before_anything_is_embedded(
    files, words, batch_rows, tmp_path, monkeypatch
):
    monkeypatch.setattr("keras_similarity.embed.parquet_checks.ROWS", batch_rows)
    (tmp_path / "in").mkdir()
    for name, ids in files.items():
        columns = {"x": [[1.0, 2.0, 3.0]] * (2 if ids is None else len(ids))} | ({} if ids is None else {"id": ids})
        parquet.write_table(arrow.table(columns), tmp_path / "in" / f"{name}.parquet")
    with pytest.raises((TypeError, ValueError), match=words):
        embed(tmp_path / "in", Encoder(none_embedded, "vector", (3,), 3, "none"), tmp_path / "out", shard_rows=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param(["1", "2", "a", "b"], id="text"),
        pytest.param([3, 0, 2**40, -7], id="numbers"),
        pytest.param(arrow.array([1, 2, 3, 200], "uint8"), id="bytes"),
        pytest.param(arrow.array(["a", "b", "c", "d"], "large_string"), id="large text"),
        pytest.param(arrow.array(["a", "b", "c", "d"]).dictionary_encode(), id="categories"),
    ],
)
def test_parquet_ids_of_any_kind_that_an_index_takes__are_kept(ids, tmp_path):
    columns = {"x": list(np.eye(4, 3)), "id": ids}
    parquet.write_table(arrow.table(columns), tmp_path / "in.parquet")
    embed(tmp_path / "in.parquet", DOUBLE, tmp_path / "out")
    assert everything(tmp_path / "out")[0] == list(arrow.array(ids).to_pylist())


def test_column_of_ids_that_is_embedded__holds_no_ids(tmp_path):
    parquet.write_table(arrow.table({"id": [[1.0, 2.0, 3.0]] * 2}), tmp_path / "in.parquet")
    embed(tmp_path / "in.parquet", DOUBLE, tmp_path / "out", column="id")
    assert everything(tmp_path / "out")[0] == [0, 1]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["cat", datetime.date(2026, 1, 1)], r"row 0 of b\.parquet is datetime\.date\(2026, 1, 1\), a date"),
        ([1.0, float("nan")], r"cannot be NaN, which equals nothing: row 0 of b\.parquet is"),
        (["cat", ["cat", "dog"]], r"hashable values: row 0 of b\.parquet is a list"),
        (["cat", "a description" * 99], r"at most 1024 characters: row 0 of b\.parquet is"),
    ],
    ids=["date", "nan", "list", "document"],
)
@pytest.mark.parametrize("batch_rows", [1, 8192])
def test_parquet_labels_that_no_index_takes__are_refused_before_anything_is_embedded(
    labels, words, batch_rows, tmp_path, monkeypatch
):
    monkeypatch.setattr("keras_similarity.embed.parquet_checks.ROWS", batch_rows)
    (tmp_path / "in").mkdir()
    for name, label in zip("ab", labels, strict=True):
        columns = {"x": [[1.0, 2.0, 3.0]], "label": [label]}
        parquet.write_table(arrow.table(columns), tmp_path / "in" / f"{name}.parquet")
    with pytest.raises((TypeError, ValueError), match=words):
        embed(tmp_path / "in", Encoder(none_embedded, "vector", (3,), 3, "none"), tmp_path / "out", shard_rows=1)
    assert not (tmp_path / "out").exists()


def test_column_of_labels_that_is_embedded__holds_no_labels(tmp_path):
    parquet.write_table(arrow.table({"label": [[1.0, 2.0, 3.0]] * 2}), tmp_path / "in.parquet")
    embed(tmp_path / "in.parquet", DOUBLE, tmp_path / "out", column="label")
    assert everything(tmp_path / "out")[1] == [None, None]


def test_ids_of_a_large_file__are_checked_a_part_at_a_time(tmp_path):
    rows = 200_000
    ids = arrow.array([f"an id of forty bytes, more or less, {row}" for row in range(rows)])
    parquet.write_table(arrow.table({"x": arrow.nulls(rows, "float32"), "id": ids}), tmp_path / "in.parquet")
    source = find_source(tmp_path / "in.parquet")
    tracemalloc.start()
    try:
        source.check(DOUBLE)
        assert tracemalloc.get_traced_memory()[1] < ids.nbytes / 2  # as Python's own objects they take twice as much
    finally:
        tracemalloc.stop()
