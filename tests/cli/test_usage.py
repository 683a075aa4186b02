"""What the command line says before it does anything."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from keras_similarity import Index

COMMAND = Path(sys.executable).with_name("keras-similarity")


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "x"],
        ["query", "x", "--vector", "[1", "--id", "2"],
        ["serve"],
        ["index", "build", "x"],
        ["export", "a", "b", "--to", "csv"],
        ["query", "x", "-k", "0", "--id", "1"],
        ["query", "x", "--id", "1", "--where", "[1]"],
        ["query", "x", "--id", "1", "--where", '{"label": {"like": "a"}}'],
        ["query", "x", "--id", "1", "--where", "[" * 100_000],
        ["query", "x", "--vector", "[[1, 2], [3, 4]]"],
        ["query", "x", "--vector", '{"a": 1}'],
        ["query", "x", "--vector", '["1"]'],
        ["query", "x", "--vector", "[]"],
        ["query", "x", "--vector", f"[1{'0' * 400}]"],
        ["query", "x", "--vector", "[NaN]"],
        ["index", "remove", "x", "--where", "[1]"],
        ["plan", "--items", "nan"],
        ["plan", "--items", "inf"],
        ["plan", "--items", "10", "--qps", "inf"],
        ["plan", "--items", "10", "--memory-gb", "inf"],
        ["plan", "--items", "10", "--embed-ms", "inf"],
    ],
)
def test_used_wrongly__exits_2(arguments):
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", [["index", "info"], ["index", "compact"], ["query", "--id", "1"]])
def test_url_in_place_of_a_folder__is_refused_and_not_repeated(command, tmp_path):
    url = "postgresql://me:s3cret@host/db?table=shoes"
    done = subprocess.run([COMMAND, *command, url], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "must be a folder: got a URL" in done.stderr
    assert "s3cret" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("package", "extra", "url"),
    [
        ("psycopg", "postgres", "postgresql://me:s3cret@127.0.0.1:9/db?table=x"),
        ("pymilvus", "milvus", "milvus://me:s3cret@127.0.0.1:9?table=x&timeout=1"),
    ],
)
def test_serve__database_that_is_not_there__is_an_error_without_its_password(package, extra, url, tmp_path):
    pytest.importorskip(package, reason=f"an extra ({extra}); make test-all has it")
    done = subprocess.run([COMMAND, "serve", url], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "s3cret" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("out", "message"), [("model", "--out model.keras"), ("no/model.keras", "no folder is at"), ("a.keras", "a folder")]
)
def test_train__model_that_could_not_be_written__is_refused_before_training(out, message, tmp_path):
    (tmp_path / "a.keras").mkdir()
    arguments = ["train", "images", "--out", out]
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr


def test_doctor__index_that_cannot_be_written_to__is_told_of(tmp_path):
    with Index(2, store=tmp_path / "shelf.index") as index:
        index.add([[0.0, 1.0]])
    (tmp_path / "shelf.index" / "writer.lock").unlink()
    (tmp_path / "shelf.index" / "writer.lock").mkdir()  # which no permission of root's opens as a file
    command = [COMMAND, "doctor", tmp_path / "shelf.index", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["items"], json.loads(done.stdout)["writer"][:11]) == (1, "nobody here")


def test_index_build__url_in_place_of_a_folder__makes_none(tmp_path):
    parquet.write_table(pyarrow.table({"id": [1], "vector": [[0.0, 1.0]]}), tmp_path / "v.parquet")
    arguments = ["index", "build", "v.parquet", "postgresql://me:s3cret@host/db?table=shoes"]
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "must be a folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["v.parquet"]


def test_help__loads_nothing_heavy_for_any_command():
    code = (
        "import sys, keras_similarity.cli as cli\n"
        "heavy = {'keras', 'numpy', 'litestar', 'msgspec', 'pyarrow', 'PIL'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    help_text = subprocess.run([COMMAND, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    for option in ("--api-key-file", "--max-k", "--deadline", "--read-only"):
        assert option in help_text
