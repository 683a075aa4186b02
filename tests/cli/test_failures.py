"""What fails says so in one message, with the exit code that the page of the command line names."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from keras_similarity.cli import main
from keras_similarity.core.results import Record
from keras_similarity.export import write_parquet

COMMAND = Path(sys.executable).with_name("keras-similarity")
VECTORS = [[0.0, 1.0], [1.0, 0.5]]
BUG = """
from keras_similarity.cli import main
from keras_similarity.core.results import Record
from keras_similarity.export import write_parquet
from keras_similarity.index import Index

def add(self, *arguments, **more):
    return None + 1

Index.add = add
main()
"""


def run(*arguments, folder, program=(COMMAND,), **variables):
    return subprocess.run(
        [*program, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=os.environ | variables
    )


def failed(done, code):
    """The message of a command that failed, which is all that it says."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 2  # what is wrong, and what to do
    return done.stderr


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"vector": VECTORS, "label": [datetime.date(2020, 1, 1)] * 2}, "`labels` needs values that can be saved"),
        ({"vector": VECTORS, "label": [["a"], ["b"]]}, "`labels` needs hashable values"),
        ({"vector": VECTORS, "id": [1.5, 2.5]}, "`ids` needs ints or strings"),
        ({"vector": ["[0, 1]", "[1, 2]"]}, "needs a list of numbers in each row: its type is string"),
        ({"vector": [0.5, 1.5]}, "needs a list of numbers in each row: its type is double"),
        ({"vector": [["0", "1"], ["1", "2"]]}, "needs a list of numbers in each row: its type is list"),
    ],
    ids=["dates", "lists for labels", "fractions for ids", "text", "numbers", "lists of text"],
)
def test_index_build__column_of_another_kind__is_one_message(columns, said, tmp_path):
    parquet.write_table(pyarrow.table(columns), tmp_path / "v.parquet")
    assert said in failed(run("index", "build", "v.parquet", "my.index", folder=tmp_path), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns(["metadata"]), None),
        (lambda table: table.set_column(0, "id", [["no JSON"] * 2]), "the column 'id' needs JSON"),
        (lambda table: table.set_column(0, "id", [[5, 6]]), "the column 'id' needs JSON"),
        (
            lambda table: table.set_column(0, "id", [pyarrow.array([None, None], "string")]),
            "`ids` needs ints or strings",
        ),
    ],
    ids=["without metadata", "text", "a number", "none"],
)
def test_index_build__file_of_ours_that_somebody_changed__is_read_or_told_of(change, said, tmp_path):
    # Ids of two kinds, which are written as JSON.
    records = [Record(id, "cat", np.float32([0, 1]), None, None) for id in ("a", 1)]
    write_parquet(records, tmp_path / "v.parquet", 2)
    parquet.write_table(change(parquet.read_table(tmp_path / "v.parquet")), tmp_path / "v.parquet")
    done = run("index", "build", "v.parquet", "my.index", folder=tmp_path)
    assert done.returncode == 0 if said is None else said in failed(done, 1)


@pytest.mark.slow
@pytest.mark.parametrize("numbers", ["float64", "float16", "int32", "bool_"])
def test_index_build__lists_of_any_numbers__are_vectors(numbers, tmp_path):
    rows = pyarrow.array([[0, 1], [1, 1]]).cast(pyarrow.list_(getattr(pyarrow, numbers)()))
    parquet.write_table(pyarrow.table({"vector": rows}), tmp_path / "v.parquet")
    done = run("index", "build", "v.parquet", "my.index", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_bug__says_that_it_is_one_and_how_to_see_more(tmp_path):
    parquet.write_table(pyarrow.table({"vector": VECTORS}), tmp_path / "v.parquet")
    done = run("index", "build", "v.parquet", "my.index", folder=tmp_path, program=(sys.executable, "-c", BUG))
    message = failed(done, 1)
    assert "this is a bug of keras-similarity: TypeError: unsupported operand" in message
    assert "--debug" in message
    assert "KERAS_SIMILARITY_DEBUG=1" in message


@pytest.mark.parametrize("how", ["option", "variable", "key"])
def test_debug__shows_the_traceback_before_the_message(how, tmp_path):
    if how == "key":
        (tmp_path / "keras-similarity.toml").write_text("debug = true\n")
    variables = {"KERAS_SIMILARITY_DEBUG": "1"} if how == "variable" else {}
    options = ["--debug"] if how == "option" else []
    done = run(*options, "index", "info", "no.index", folder=tmp_path, **variables)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert "\nerror: " in done.stderr


def cut(content):
    return content[: len(content) // 2]


def with_broken_pages(content):
    return content[:200] + b"\xff" * 2800 + content[3000:]


@pytest.mark.parametrize(
    "damage",
    [cut, with_broken_pages, lambda content: b"", lambda content: b"text"],
    ids=["cut", "pages", "empty", "text"],
)
@pytest.mark.parametrize("command", ["index build", "embed"])
def test_damaged_parquet_file__exits_with_3(command, damage, tmp_path, vector_model):
    rows = {"vector": [[float(row), 1.0] for row in range(5000)], "id": [f"{row * 7919 % 5000}" for row in range(5000)]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "v.parquet")
    (tmp_path / "v.parquet").write_bytes(damage((tmp_path / "v.parquet").read_bytes()))
    words = ["index", "build", "v.parquet", "my.index"]
    if command == "embed":
        words = ["embed", vector_model, "v.parquet", "--column", "vector", "--out", "o.parquet"]
    assert "v.parquet is no whole Parquet file: " in failed(run(*words, folder=tmp_path), 3)


@pytest.fixture(scope="module")
def vector_model(tmp_path_factory):
    """An ONNX model of rows of two numbers."""
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip("onnx", reason="an extra (onnx); make test-all has it")
    from onnx_files import NUMBERS, write_onnx

    return write_onnx(tmp_path_factory.mktemp("model") / "m.onnx", ("n", 2), ("n", 2), nodes=NUMBERS)


def code_of(*words, capsys, monkeypatch):
    """The exit code of a command in this process, which has Keras already, and what it says."""
    monkeypatch.setattr(sys, "argv", ["keras-similarity", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().err


@pytest.mark.training
@pytest.mark.parametrize("damage", [cut, lambda content: b"text"], ids=["cut", "text"])
@pytest.mark.parametrize("command", ["export", "embed"])
def test_damaged_model__exits_with_3(command, damage, tmp_path, capsys, monkeypatch):
    import keras

    model = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save(model)
    model.write_bytes(damage(model.read_bytes()))
    parquet.write_table(pyarrow.table({"input": VECTORS}), tmp_path / "v.parquet")
    words = ["export", model, tmp_path / "m.onnx", "--to", "onnx"]
    if command == "embed":
        words = ["embed", model, tmp_path / "v.parquet", "--out", tmp_path / "o.parquet"]
    code, said = code_of(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert "is no whole .keras file" in said
    assert code == 3


@pytest.mark.training
def test_model_of_classes_that_are_not_allowed__exits_with_1(tmp_path, capsys, monkeypatch):
    import keras

    model = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)]).save(model)
    words = ["export", model, tmp_path / "m.onnx", "--to", "onnx"]
    code, said = code_of(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert "is not allowed in a model of others" in said
    assert code == 1


def test_onnx_model__damaged_exits_with_3_and_of_another_kind_with_1(vector_model, tmp_path):
    from onnx_files import write_onnx

    parquet.write_table(pyarrow.table({"input": VECTORS}), tmp_path / "v.parquet")
    (tmp_path / "cut.onnx").write_bytes(cut(vector_model.read_bytes()))
    write_onnx(tmp_path / "axes.onnx", ("n", "any", 8, 3))
    said = failed(run("embed", "cut.onnx", "v.parquet", folder=tmp_path), 3)
    assert "is no whole ONNX model" in said
    said = failed(run("embed", "axes.onnx", "v.parquet", folder=tmp_path), 1)
    assert "an encoder needs one input" in said


@pytest.mark.parametrize("command", ["index build", "embed"])
def test_folder_of_images__for_a_model_of_rows__says_what_it_takes(
    command, vector_model, tmp_path, capsys, monkeypatch
):
    (tmp_path / "images" / "red").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / "red" / "1.png")
    words = ["index", "build", tmp_path / "images", tmp_path / "my.index", "--encoder", vector_model]
    if command == "embed":
        words = ["embed", vector_model, tmp_path / "images", "--out", tmp_path / "o.parquet"]
    code, said = code_of(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert "images is a folder of images: the encoder 'm' takes vectors of shape (2,).\n  Pass an encoder of" in said
    assert code == 1


def test_embed__ids_of_a_parquet_file_that_are_no_ids__are_told_of_before_anything_is_made(
    vector_model, tmp_path, capsys, monkeypatch
):
    parquet.write_table(pyarrow.table({"input": VECTORS, "id": ["a", "a"]}), tmp_path / "v.parquet")
    words = ["embed", vector_model, tmp_path / "v.parquet", "--out", tmp_path / "o.parquet"]
    code, said = code_of(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert "ids must differ: 'a' is in row 0 of v.parquet and in row 1 of v.parquet." in said
    assert code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["v.parquet"]
