"""Indexes of TensorFlow Similarity 0.17.1, saved by itself, become ours; objects in them do not run."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_similarity import Index
from keras_similarity.cli.commands import app
from keras_similarity.errors import IndexFormatError
from keras_similarity.export import read_tfsim

GOLDEN = Path(__file__).parents[1] / "golden" / "tfsim_0_17_1"
GUIDE = Path(__file__).parents[2] / "docs" / "migrating.md"


NO_SUCH_DISTANCE = json.dumps({"distance": "far"})
NO_THRESHOLD = json.dumps({"distance": "cosine", "is_calibrated": True, "cutpoints": {"optimal": {}}})


def squeeze(path):
    """Compress the rows, and damage what came of it."""
    np.savez_compressed(path, **np.load(path))
    content = bytearray(path.read_bytes())
    content[80:90] = b"\xff" * 10
    path.write_bytes(content)


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def saved(tmp_path):
    """Another layout, that of the development versions, of three rows; gives its folder and a way to write columns."""
    folder = tmp_path / "saved" / "index"
    (folder / "store").mkdir(parents=True)
    (folder / "index_metadata.json").write_text(json.dumps({"distance": "euclidean", "is_calibrated": False}))

    def write(**columns):
        np.savez(folder / "store" / "index.npz", **{"embeddings": np.eye(3, 2, dtype=np.float32) + 1} | columns)
        return folder.parent

    return write


def run(*arguments):
    return CliRunner().invoke(app, ["import-tfsim", *map(str, arguments)])


def test_index_of_upstream__has_the_same_rows_here(tmp_path):
    done = run(GOLDEN / "with_data", "-o", tmp_path / "new", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["items"], told["dim"], told["distance"]) == (12, 4, "cosine")
    assert told["thresholds_left_behind"]["precise"] == pytest.approx(0.0242, abs=1e-4)
    rng = np.random.default_rng(0)  # as in how_it_was_made.py
    embeddings = rng.normal(size=(12, 4))
    pictures = rng.integers(0, 256, (12, 2, 3), dtype="uint8")
    with Index.open(tmp_path / "new") as index:
        found = index.search(embeddings, k=1)
        assert found.ids[:, 0].tolist() == list(range(12))
        assert found.labels[:, 0].tolist() == [row % 3 for row in range(12)]
        assert np.array_equal(np.stack([record.data for record in index.records()]), pictures)


def test_index_without_data__needs_its_column_of_none_left_out(tmp_path):
    with pytest.raises(IndexFormatError, match=r"(?s)'data' as Python objects.*--without data"):
        read_tfsim(GOLDEN / "without_data")
    assert run(GOLDEN / "without_data", "-o", tmp_path / "new", "--without", "data").exit_code == 0
    with Index.open(tmp_path / "new") as index:
        assert [record.data for record in index.records()] == [None] * 12


@pytest.mark.parametrize("column", ["labels", "data"])
def test_pickle_in_a_column__does_not_run(saved, column, tmp_path):
    trap = np.array([Trap(tmp_path / "sprung"), None, None], dtype=object)
    folder = saved(**{"labels": np.arange(3), column: trap})
    with pytest.raises(IndexFormatError, match=f"'{column}' as Python objects"):
        read_tfsim(folder)
    assert not (tmp_path / "sprung").exists()


def test_what_the_guide_runs_in_the_old_environment__makes_it_readable(saved, tmp_path, monkeypatch):
    folder = saved(labels=np.arange(3), data=np.array([{"page": 1}, None, ["a"]], dtype=object))
    [script] = re.findall(r"```python title=\"in the old environment\"\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    monkeypatch.chdir(folder)
    shutil.copy("index/store/index.npz", "index/index.npz")
    exec(script, {})
    read = read_tfsim(folder)
    assert read.data.tolist() == ['{"page": 1}', "null", '["a"]']
    assert read.labels == [0, 1, 2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda index: (index / "store" / "index.npz").write_bytes(b"PK\x03\x04"), "cannot be read"),
        (lambda index: (index / "store" / "index.npz").write_bytes(b"no archive"), "cannot be read"),
        (lambda index: squeeze(index / "store" / "index.npz"), "cannot be read"),
        (lambda index: (index / "index_metadata.json").write_text("{}"), "needs JSON with a known distance"),
        (lambda index: (index / "index_metadata.json").write_text("[" * 100_000), "needs JSON with a known distance"),
        (
            lambda index: (index / "index_metadata.json").write_text(NO_SUCH_DISTANCE),
            "needs JSON with a known distance",
        ),
        (lambda index: (index / "index_metadata.json").write_text(NO_THRESHOLD), "thresholds where it is calibrated"),
        (lambda index: shutil.rmtree(index / "store"), "Redis"),
    ],
    ids=[
        *("rows cut off", "other bytes", "damaged rows"),
        *("no distance", "nested without end", "an unknown distance", "a cutpoint without a threshold", "no rows"),
    ],
)
def test_damaged_index__is_an_error_that_names_the_file(saved, damage, message):
    folder = saved(labels=np.arange(3))
    damage(folder / "index")
    with pytest.raises(IndexFormatError, match=message):
        read_tfsim(folder)


@pytest.mark.parametrize("labels", [np.arange(2), np.array(3)], ids=["two for three rows", "no column"])
def test_columns_of_other_lengths__are_an_error(saved, labels):
    with pytest.raises(IndexFormatError, match=f"'labels': {re.escape(str(labels.shape))}"):
        read_tfsim(saved(labels=labels))


def test_rows_that_no_index_takes__leave_none_behind(saved, tmp_path):
    done = run(saved(labels=np.arange(3), embeddings=np.full((3, 2), np.nan, np.float32)), "-o", tmp_path / "new")
    assert "finite" in str(done.exception)
    assert not (tmp_path / "new").exists()


def test_index_that_is_there__is_left_alone(tmp_path):
    assert run(GOLDEN / "with_data", "-o", tmp_path / "new").exit_code == 0
    assert isinstance(run(GOLDEN / "with_data", "-o", tmp_path / "new").exception, FileExistsError)


def test_unknown_column__is_a_usage_error(tmp_path):
    assert run(GOLDEN / "with_data", "-o", tmp_path / "new", "--without", "embeddings").exit_code == 2
