"""Queries that are the items of the index: each finds itself, which nobody wants of a score or a threshold."""

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from keras_similarity.cli.commands import app

WARNING = "warning: the index has items with the ids of 60 of 60 queries"
COMMANDS = ["calibrate", "evaluate"]


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def work(tmp_path, rng, monkeypatch):
    """An index of three classes that overlap, its vectors, and the same ones under other ids and under none."""
    monkeypatch.chdir(tmp_path)
    labels = ["a", "b", "c"] * 20
    centers = {"a": (0, 0), "b": (4, 0), "c": (0, 4)}
    vectors = [np.float32(rng.normal(centers[label], 2.0)) for label in labels]
    for name, ids in {"own": [f"i{row}" for row in range(60)], "new": [f"n{row}" for row in range(60)]}.items():
        parquet.write_table(pyarrow.table({"id": ids, "label": labels, "vector": vectors}), f"{name}.parquet")
    parquet.write_table(pyarrow.table({"label": labels, "vector": vectors}), "none.parquet")
    done = run("index", "build", "own.parquet", "my.index", "--distance", "euclidean")
    assert done.exit_code == 0, done.exception
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_items_as_queries__are_warned_of_unless_left_out(work, command):
    done = run(command, "my.index", "own.parquet", "--json")
    assert done.exit_code == 0, done.exception
    assert done.stderr.startswith(WARNING)
    assert done.stderr.endswith("\n  Pass --same-ids to leave these out.\n")
    assert run(command, "my.index", "own.parquet", "--same-ids").stderr == ""
    assert run(command, "my.index", "new.parquet").stderr == ""


def test_calibrate__same_ids__gives_thresholds_that_are_not_zero(work):
    (point,) = map(json.loads, run("calibrate", "my.index", "own.parquet", "--json").stdout.splitlines())
    assert point["distance"] == 0
    done = run("calibrate", "my.index", "own.parquet", "--same-ids", "--json")
    (point,) = map(json.loads, done.stdout.splitlines())
    assert point["distance"] > 0
    assert point["precision"] < 1


@pytest.mark.parametrize("command", COMMANDS)
def test_same_ids__of_queries_without_ids__is_refused(work, command):
    done = run(command, "my.index", "none.parquet", "--same-ids")
    assert done.exit_code == 1
    assert str(done.exception).startswith("`--same-ids` needs an id of each query: none.parquet has 0 for 60.\n")
