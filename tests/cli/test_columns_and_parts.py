"""A wrong column of a Parquet file, and what a run that failed leaves for the next one."""

import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from keras_similarity.cli.commands import app
from keras_similarity.embed import executors

VECTORS = [[0.0, 1.0], [1.0, 0.5]]


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A model of two numbers, and files in which they have the usual name and another."""
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip("onnx", reason="an extra (onnx); make test-all has it")
    from onnx_files import NUMBERS, write_onnx

    monkeypatch.chdir(tmp_path)
    write_onnx("m.onnx", ("n", 2), ("n", 2), nodes=NUMBERS)
    parquet.write_table(pyarrow.table({"embedding": VECTORS}), "wrong.parquet")
    parquet.write_table(pyarrow.table({"input": VECTORS}), "right.parquet")
    return tmp_path


@pytest.mark.parametrize("command", [["index", "build", "wrong.parquet", "x"], ["evaluate", "x", "wrong.parquet"]])
def test_column_of_vectors_by_another_name__is_to_be_renamed(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    parquet.write_table(pyarrow.table({"embedding": VECTORS, "id": [1, 2]}), "wrong.parquet")
    assert str(run(*command).exception) == (
        "wrong.parquet needs a column 'vector' of vectors: it has embedding, id.\n"
        "  Rename the column that holds them to 'vector'."
    )


def test_embed__column_by_another_name__is_named_with_the_option(work):
    message = str(run("embed", "m.onnx", "wrong.parquet").exception)
    assert message.endswith("\n  Name the column that the encoder is to read: `column=`, in a shell --column.")
    message = str(run("embed", "m.onnx", "wrong.parquet", "--column", "x").exception)
    assert message == (
        "`column` must be one of the file's, embedding: got 'x'.\n  Name one of them: `column=`, in a shell --column."
    )


def test_embed__that_failed_before_a_part_was_made__does_not_block_another(work):
    for words in (["wrong.parquet"], ["right.parquet"]):
        done = run("embed", "m.onnx", *words, "--out", "w.parquet", "--json")
    assert done.exit_code == 0, done.exception
    assert not (work / "w.parquet.parts").exists()


def test_embed__parts_of_another_job__are_named_and_can_be_deleted(work, monkeypatch):
    real, made = executors.write_shard, []

    def second_one_fails(*arguments):
        made.append(1)
        if len(made) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(executors, "write_shard", second_one_fails)
    assert run("embed", "m.onnx", "right.parquet", "--out", "w.parquet", "--shard-rows", 1).exit_code != 0
    message = str(run("embed", "m.onnx", "wrong.parquet", "--column", "embedding", "--out", "w.parquet").exception)
    assert message.startswith(f"{work.resolve() / 'w.parquet.parts'} holds embeddings of another model, of other data")
    assert message.endswith("\n  Delete that folder to embed anew, or choose another name.")
    done = run("embed", "m.onnx", "right.parquet", "--out", "w.parquet", "--shard-rows", 1, "--json")
    assert '"resumed": 1' in done.stdout
