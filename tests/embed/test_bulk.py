"""Bulk embedding: every row once, whatever is killed, and nothing computed twice that is there already."""

import re
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bulk_runs import check_slow_rows, everything, kill_slow_driver, run_slowly, shards
from keras_similarity.embed import Encoder, embed, read_shards
from keras_similarity.embed.model_files import encoder_fingerprint
from keras_similarity.errors import EmbeddingsFormatError

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet", reason="an extra (data); make test-all has it")

DOUBLE = Encoder(lambda batch: 2 * batch, "vector", (3,), 3, "double")


def flip(path, place):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_array__in_shards__keeps_rows_ids_and_labels(rng, tmp_path):
    x = rng.normal(size=(23, 3)).astype(np.float32)
    steps = []
    names = [f"row {n}" for n in range(23)]
    done = embed(x, DOUBLE, tmp_path / "out", ids=names, labels=list(range(23)), shard_rows=5, progress=steps.append)
    assert (done.rows, done.dim, done.shards, done.made) == (23, 3, 5, 5)
    assert steps == [5, 5, 5, 5, 3]
    ids, labels, vectors = everything(tmp_path / "out")
    assert ids == names
    assert labels == list(range(23))
    np.testing.assert_array_equal(vectors, 2 * x)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([7, 7], "7 is there twice"),
        ([0, -1], "row 1 is -1"),
        ([0.5, 1.5], "row 0 is 0.5, a float"),
        (["a", ""], "row 1"),
    ],
)
def test_ids_that_no_index_takes__are_refused_before_anything_is_embedded(tmp_path, ids, words):
    with pytest.raises((TypeError, ValueError), match=words):
        embed(np.eye(2, dtype=np.float32), DOUBLE, tmp_path / "out", ids=ids)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("kind", "shape"), [("vector", (3,)), ("text", ())])
def test_folder_of_images__for_an_encoder_of_another_kind__says_which(kind, shape, tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "in" / "a" / "1.png")
    words = re.escape(f"in is a folder of images: the encoder 'e' takes {kind}s of shape {shape}")
    with pytest.raises(ValueError, match=words):
        embed(tmp_path / "in", Encoder(DOUBLE.call, kind, shape, 3, "e"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folder_of_images__whose_path_no_index_takes_as_an_id__is_refused_before_anything_is_embedded(tmp_path):
    deep = tmp_path / "in" / "a" / "/".join(["x" * 200] * 3)
    deep.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(deep / "1.png")
    with pytest.raises(ValueError, match="at most 512 bytes"):
        embed(tmp_path / "in", Encoder(DOUBLE.call, "image", (4, 4, 3), 3, "none"), tmp_path / "out")


def test_parquet_files__give_ids_labels_and_metadata(rng, tmp_path):
    x = rng.normal(size=(20, 3)).astype(np.float32)
    (tmp_path / "in").mkdir()
    for part in range(2):
        rows = slice(12 * part, 12 * part + 12)
        columns = {"id": [f"i{n}" for n in range(20)][rows], "x": list(x[rows]), "price": list(range(20))[rows]}
        parquet.write_table(arrow.table(columns), tmp_path / "in" / f"{part}.parquet", row_group_size=5)
    embed(tmp_path / "in", DOUBLE, tmp_path / "out", shard_rows=7)
    ids, labels, vectors = everything(tmp_path / "out")
    assert ids == [f"i{n}" for n in range(20)]
    assert labels == [None] * 20
    np.testing.assert_array_equal(vectors, 2 * x)
    assert [row["price"] for batch in read_shards(tmp_path / "out") for row in batch.metadata] == list(range(20))


def test_data_set_of_texts__is_read_row_by_row(tmp_path):
    length = Encoder(lambda batch: np.array([[len(text)] for text in batch], np.float32), "text", (), 1, "length")
    embed(["a", "bcd", "ef"], length, tmp_path, shard_rows=2)
    assert everything(tmp_path)[2].tolist() == [[1], [3], [2]]


def test_interrupted__goes_on_and_makes_only_what_is_missing(rng, tmp_path):
    x = rng.normal(size=(20, 3)).astype(np.float32)
    calls = []

    def call(batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 2 * batch

    encoder = Encoder(call, "vector", (3,), 3, "double")
    with pytest.raises(KeyboardInterrupt):
        embed(x, encoder, tmp_path, shard_rows=6)
    assert len(shards(tmp_path)) == 2
    with pytest.raises(EmbeddingsFormatError, match="no complete embeddings"):
        list(read_shards(tmp_path))
    (tmp_path / "shard-000001.parquet").write_bytes(b"half a shard")
    steps = []
    assert embed(x, encoder, tmp_path, shard_rows=6, progress=steps.append).made == 3
    assert steps == [6, 6, 6, 2]
    assert embed(x, encoder, tmp_path, shard_rows=6).made == 0
    np.testing.assert_array_equal(everything(tmp_path)[2], 2 * x)


def test_another_job_in_the_folder__is_refused_and_left_alone(rng, tmp_path):
    x = rng.normal(size=(6, 3)).astype(np.float32)
    embed(x, DOUBLE, tmp_path)
    for other in (
        lambda: embed(x + 1, DOUBLE, tmp_path),
        lambda: embed(x, Encoder(DOUBLE.call, "vector", (3,), 3, "other"), tmp_path),
        lambda: embed(x, DOUBLE, tmp_path, shard_rows=2),
        lambda: embed(x, DOUBLE, tmp_path, labels=list("abcdef")),
    ):
        with pytest.raises(FileExistsError, match="of another model"):
            other()
    np.testing.assert_array_equal(everything(tmp_path)[2], 2 * x)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(FileExistsError, match="not empty"):
        embed(x, DOUBLE, tmp_path / "mine")


@pytest.mark.parametrize("kind", [list, lambda rows: np.array(rows, object)], ids=["list", "array of objects"])
def test_other_rows_of_a_list__are_another_job(kind, tmp_path):
    length = Encoder(lambda batch: np.array([[len(text)] for text in batch], np.float32), "text", (), 1, "length")
    embed(kind(["a", "bcd"]), length, tmp_path / "texts")
    assert embed(kind(["a", "bcd"]), length, tmp_path / "texts").made == 0
    with pytest.raises(FileExistsError, match="of other data"):
        embed(kind(["a", "bc"]), length, tmp_path / "texts")
    rows = [np.zeros(3, np.float32), np.ones(3, np.float32)]
    embed(rows, DOUBLE, tmp_path / "rows")
    with pytest.raises(FileExistsError, match="of other data"):
        embed(rows[::-1], DOUBLE, tmp_path / "rows")


def test_other_column_or_file__is_another_job(rng, tmp_path):
    source = tmp_path / "in.parquet"
    parquet.write_table(arrow.table({"a": list(np.ones((2, 3))), "b": list(np.zeros((2, 3)))}), source)
    embed(source, DOUBLE, tmp_path / "out", column="a")
    with pytest.raises(FileExistsError, match="of other data"):
        embed(source, DOUBLE, tmp_path / "out", column="b")
    parquet.write_table(arrow.table({"a": list(np.zeros((2, 3))), "b": list(np.zeros((2, 3)))}), source)
    with pytest.raises(FileExistsError, match="of other data"):
        embed(source, DOUBLE, tmp_path / "out", column="a")


def test_another_file_under_the_models_name__is_another_model(tmp_path):
    prints = set()
    for content in (b"one", b"two", b"one"):
        (tmp_path / "model.onnx").write_bytes(content)
        prints.add(encoder_fingerprint(tmp_path / "model.onnx", DOUBLE))
    assert len(prints) == 2


def test_what_a_killed_worker_leaves__is_no_shard_and_goes(rng, tmp_path):
    x = rng.normal(size=(6, 3)).astype(np.float32)
    embed(x, DOUBLE, tmp_path, shard_rows=4)
    (tmp_path / "shard-000001.parquet").replace(tmp_path / ".shard-000001.1f.parquet")
    shutil.copy(tmp_path / ".shard-000001.1f.parquet", tmp_path / "shard-000000.parquet")  # whole, of too few rows
    (tmp_path / "..shard-000001.2f.parquet.new").write_bytes(b"half")
    assert embed(x, DOUBLE, tmp_path, shard_rows=4).made == 2
    np.testing.assert_array_equal(everything(tmp_path)[2], 2 * x)
    assert len(list(tmp_path.iterdir())) == 2 + 2


def test_function_that_makes_the_encoder__is_called_once(tmp_path):
    made = []
    embed(np.ones((5, 3), np.float32), lambda: made.append(1) or DOUBLE, tmp_path, shard_rows=2)
    assert made == [1]


def test_damaged_shard__is_noticed(rng, tmp_path):
    embed(rng.normal(size=(6, 3)).astype(np.float32), DOUBLE, tmp_path)
    flip(tmp_path / "shard-000000.parquet", 40)
    with pytest.raises(EmbeddingsFormatError, match="damaged"):
        list(read_shards(tmp_path))


def test_damaged_shard__is_made_anew_by_the_next_run(rng, tmp_path, caplog):
    x = rng.normal(size=(12, 3)).astype(np.float32)
    embed(x, DOUBLE, tmp_path, shard_rows=4)
    for number, place in ((0, 40), (2, -1)):
        flip(tmp_path / f"shard-{number:06}.parquet", place)
    assert embed(x, DOUBLE, tmp_path, shard_rows=4).made == 2
    np.testing.assert_array_equal(everything(tmp_path)[2], 2 * x)
    said = [record.getMessage() for record in caplog.records if record.name == "keras_similarity.embed.shards"]
    assert [re.findall(r"shard-\d+", message) for message in said] == [["shard-000000"], ["shard-000002"]]
    assert embed(x, DOUBLE, tmp_path, shard_rows=4).made == 0


@pytest.mark.parametrize("manifest", ['{"half', "[]", '{"shards": [{"number": 0}]}'], ids=["cut", "a list", "no sum"])
def test_damaged_manifest__is_written_anew_by_the_next_run(manifest, tmp_path):
    x = np.ones((6, 3), np.float32)
    embed(x, DOUBLE, tmp_path, shard_rows=4)
    (tmp_path / "manifest.json").write_text(manifest)
    assert embed(x, DOUBLE, tmp_path, shard_rows=4).made == 0
    np.testing.assert_array_equal(everything(tmp_path)[2], 2 * x)


@pytest.mark.parametrize("name", ["manifest.json", "job.json"])
def test_damaged_note__is_named(name, tmp_path):
    x = np.ones((2, 3), np.float32)
    embed(x, DOUBLE, tmp_path)
    (tmp_path / name).write_text('{"half')
    with pytest.raises(EmbeddingsFormatError, match=f"{name} is damaged"):
        list(read_shards(str(tmp_path))) if name == "manifest.json" else embed(x, DOUBLE, tmp_path)


def test_bad_input__is_named_before_anything_is_written(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="no rows"):
        embed(np.empty((0, 3), np.float32), DOUBLE, out)
    with pytest.raises(ValueError, match="executor"):
        embed(np.ones((2, 3), np.float32), DOUBLE, out, executor="cluster")
    with pytest.raises(ValueError, match="one entry per"):
        embed(np.ones((2, 3), np.float32), DOUBLE, out, labels=[1])
    with pytest.raises(FileNotFoundError):
        embed(tmp_path / "nothing", DOUBLE, out)
    with pytest.raises(TypeError, match="length"):
        embed(iter([1]), DOUBLE, out)
    with pytest.raises(ValueError, match="workers"):
        embed(np.ones((2, 3), np.float32), DOUBLE, out, workers=0)
    with pytest.raises(TypeError, match="can be saved"):
        embed(np.ones((2, 3), np.float32), DOUBLE, out, labels=[date(2026, 1, 1), None])
    parquet.write_table(arrow.table({"x": list(np.ones((2, 3)))}), tmp_path / "in.parquet")
    with pytest.raises(ValueError, match="`column` must be one of the file's, x: got 'y'"):
        embed(tmp_path / "in.parquet", DOUBLE, out, column="y")
    with pytest.raises(ValueError, match="files bring their own"):
        embed(tmp_path / "in.parquet", DOUBLE, out, labels=["a", "b"])
    assert not out.exists()


def test_the_guides_program__runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "bulk.md").read_text()
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)  # the guide's own words
    assert (names["done"].rows, names["done"].shards) == (4, 2)


@pytest.mark.slow
def test_driver_killed_three_times__the_next_one_completes_the_rows(rng, tmp_path):
    for kill in range(3):
        kill_slow_driver(tmp_path, "local", after=12 * (kill + 1), wait=rng.uniform(0, 0.06))  # anywhere in a shard
    run_slowly(tmp_path, "local")
    check_slow_rows(tmp_path)
