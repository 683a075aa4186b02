"""`index build` and `index add`, interrupted: each row is there once, whether rows have ids or not."""

import shutil
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from keras_similarity import Index
from keras_similarity.cli.commands import app
from keras_similarity.embed import parquet as batches

ROWS, BATCH = 250, 100  # of a file: three batches
GOES_ON = {"build": "goes on", "add": "adds what is missing"}  # what a command that was stopped says of the next
KILLED = f"""
import os
from keras_similarity.cli import main
from keras_similarity.embed import parquet
from keras_similarity.index import Index

parquet.ROWS, real, calls = {BATCH}, Index.add, []

def add(self, *arguments, **more):
    real(self, *arguments, **more)
    calls.append(1)
    if len(calls) == 2:
        os._exit(137)  # as `kill -9` does, after the rows came in and before that is noted

Index.add = add
main()
"""


@pytest.fixture
def work(tmp_path, rng, monkeypatch):
    """A folder with Parquet files of the same vectors: without ids, with them, and with ids that come again."""
    monkeypatch.chdir(tmp_path)
    vectors = list(rng.normal(size=(ROWS, 2)).astype(np.float32))
    for name, ids in {
        "none": None,
        "own": [f"row {row}" for row in range(ROWS)],
        "again": [row % 180 for row in range(ROWS)],
    }.items():
        columns = {"vector": vectors, "price": list(range(ROWS))} | ({} if ids is None else {"id": ids})
        parquet.write_table(pyarrow.table(columns), f"{name}.parquet")
    return tmp_path


@pytest.fixture
def interrupt(monkeypatch):
    """Has Ctrl-C come before the so-many-th batch is added."""
    monkeypatch.setattr(batches, "ROWS", BATCH)
    real = Index.add

    def after(most):
        calls = []

        def add(self, *arguments, **more):
            calls.append(1)
            if len(calls) > most:
                raise KeyboardInterrupt
            return real(self, *arguments, **more)

        monkeypatch.setattr(Index, "add", add)

    return after


def add(source, index):
    return CliRunner().invoke(app, ["index", "add", source, index])


def build(source, index, *more):
    return CliRunner().invoke(app, ["index", "build", source, index, *more])


def kill(command, source, index):
    """Have the command killed in the middle of three batches: two are in, and one is noted."""
    words = [sys.executable, "-c", KILLED, "index", command, source, index]
    assert subprocess.run(words, check=False).returncode == 137


def stop(interrupt, run, source, index, *, killed):
    """Have a command stopped when 100 rows are in, or killed."""
    if killed:
        kill(run.__name__, source, index)
    else:
        interrupt(1)
        stopped = run(source, index)
        assert stopped.exit_code != 0
        assert f"100 rows are in; the same command {GOES_ON[run.__name__]}" in stopped.stderr


STOPPED = pytest.mark.parametrize(
    ("name", "killed"), [("none", False), ("none", True), ("own", True), ("again", False)]
)


def content(index):
    with Index.open(index, read_only=True) as found:
        return {record.id: (record.embedding.tolist(), record.metadata) for record in found.records()}


@STOPPED
def test_interrupted__goes_on_to_the_same_index(work, interrupt, name, killed):
    source = f"{name}.parquet"
    interrupt(3)
    assert build(source, "whole").exit_code == 0
    stop(interrupt, build, source, "part", killed=killed)
    assert BATCH <= len(content("part")) < len(content("whole"))
    interrupt(2)  # batches are left
    done = build(source, "part")
    assert done.exit_code == 0, done.exception
    assert content("part") == content("whole")
    assert not list((work / "part").glob("unfinished*"))
    assert "an index lives in" in str(build(source, "part").exception)


def test_interrupted__is_not_gone_on_with_by_another_build(work, interrupt):
    interrupt(1)
    build("none.parquet", "part")
    interrupt(3)
    before = content("part")
    for arguments in (["own.parquet", "part"], ["none.parquet", "part", "--distance", "euclidean"]):
        assert "was left by a build of other vectors" in str(build(*arguments).exception)
    (work / "part" / "unfinished.json").write_text("")  # as a machine leaves it that lost its power
    assert "was left by a build" in str(build("none.parquet", "part").exception)
    assert content("part") == before


@pytest.fixture
def shelf(work):
    """An index of one item, id 0, whose counter stands at 7."""
    with Index(2, store=work / "shelf") as index:
        index.add([[1.0, 0.0], [0.0, 1.0]], ids=[0, 6])
        index.remove([6])
    return work / "shelf"


@STOPPED
def test_add_interrupted__repeated__adds_what_is_missing(work, shelf, interrupt, name, killed):
    shutil.copytree(shelf, work / "whole")
    source = f"{name}.parquet"
    interrupt(3)
    assert add(source, "whole").exit_code == 0
    stop(interrupt, add, source, "shelf", killed=killed)
    assert BATCH <= len(content("shelf")) < len(content("whole"))
    interrupt(3)
    done = add(source, "shelf")
    assert done.exit_code == 0, done.exception
    assert content("shelf") == content("whole")
    assert not list((work / "shelf").glob("unfinished*"))


def test_add_of_rows_without_ids__done_twice__adds_them_twice(work, shelf):
    assert [add("none.parquet", "shelf").exit_code for _ in range(2)] == [0, 0]
    assert set(content("shelf")) == {0, *range(7, 7 + 2 * ROWS)}


@pytest.mark.parametrize("killed", [False, True])
def test_add_interrupted__others_write_meanwhile__replaces_none_of_theirs(work, shelf, interrupt, rng, killed):
    stop(interrupt, add, "none.parquet", "shelf", killed=killed)
    interrupt(9)
    with Index.open(shelf) as index:
        others = index.add(rng.normal(size=(BATCH, 2)), metadata=[{"price": -1}] * BATCH).tolist()
    assert add("none.parquet", "shelf").exit_code == 0
    there = content("shelf")
    assert [there[number][1] for number in others] == [{"price": -1}] * BATCH
    assert sorted(meta["price"] for _, meta in there.values() if meta) == [-1] * BATCH + list(range(ROWS))


def test_add_interrupted__another_index_add_is_done_meanwhile(work, shelf, interrupt):
    interrupt(1)
    add("none.parquet", "shelf")
    interrupt(9)
    assert add("own.parquet", "shelf").exit_code == 0
    assert add("none.parquet", "shelf").exit_code == 0
    assert len(content("shelf")) == 1 + 2 * ROWS


def test_add_interrupted__file_that_changed__is_refused(work, shelf, interrupt):
    interrupt(1)
    add("none.parquet", "shelf")
    shutil.copy("own.parquet", "none.parquet")
    before = content("shelf")
    assert "was added in part, and is another file now" in str(add("none.parquet", "shelf").exception)
    assert content("shelf") == before


def test_add__build_that_was_interrupted__is_refused(work, interrupt):
    interrupt(1)
    build("none.parquet", "part")
    interrupt(9)
    assert "was left by an `index build`" in str(add("own.parquet", "part").exception)
    assert build("none.parquet", "part").exit_code == 0
    assert add("own.parquet", "part").exit_code == 0


@pytest.mark.parametrize("words", [["add", "own.parquet", "saved"], ["remove", "saved", "a"], ["compact", "saved"]])
def test_index_that_was_saved__is_not_changed(work, words):
    index = Index(2)
    index.add(np.eye(2), ids=["a", "b"])
    index.save("saved")
    assert "what is changed would be lost" in str(CliRunner().invoke(app, ["index", *words]).exception)
    assert len(Index.open("saved")) == 2


def test_build__first_rows_cannot_be_added__leaves_nothing_and_the_next_one_works(work):
    bad = pyarrow.table({"vector": [[1.0, float("nan")]]})
    parquet.write_table(bad, "bad.parquet")
    assert isinstance(build("bad.parquet", "new.index").exception, ValueError)
    assert not (work / "new.index").exists()
    assert build("own.parquet", "new.index").exit_code == 0


@pytest.mark.parametrize("settings", [{"storage": "float16"}, {"truncate_dim": 1}], ids=str)
def test_add_killed__index_that_keeps_rows_otherwise__knows_them_again(work, interrupt, settings):
    with Index(2, store=work / "shelf", **settings):
        pass
    kill("add", "none.parquet", "shelf")
    interrupt(1)  # one batch is left
    assert add("none.parquet", "shelf").exit_code == 0
    assert set(content("shelf")) == {*range(ROWS)}
