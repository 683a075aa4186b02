"""Who shares a folder of shards: runs that were killed, runs at work, and workers that make the same shard."""

import errno
import os
import threading
from dataclasses import replace

import numpy as np
import pytest

from bulk_runs import everything, shards
from keras_similarity.embed import Encoder, embed
from keras_similarity.embed.parquet import VectorBatch
from keras_similarity.embed.shards import Job, finish, taken, write_shard

pytest.importorskip("pyarrow")

DOUBLE = Encoder(lambda batch: 2 * batch, "vector", (3,), 3, "double")
JOB = Job(model="m", source="s", dim=3, rows=8, shard_rows=4)


def rows(number, change=0.0):
    """The rows of a shard, as a worker computes them whose numbers differ a little from another's."""
    ids = list(range(4 * number, 4 * number + 4))
    return VectorBatch(np.outer(ids, np.ones(3, np.float32)).astype(np.float32) + change, ids, None, None)


def test_driver_killed_before_its_note_had_a_name__can_be_started_again(tmp_path):
    (tmp_path / ".job.json.ab").write_text('{"half')
    embed(np.ones((2, 3), np.float32), DOUBLE, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.json", "manifest.json", "shard-000000.parquet"]


@pytest.mark.parametrize("note", ["of another job", "damaged"])
def test_folder_in_which_no_shard_was_made__is_another_jobs(tmp_path, note):
    def fail(batch):
        raise RuntimeError

    x = np.ones((2, 3), np.float32)
    with pytest.raises(RuntimeError):
        embed(x, Encoder(fail, "vector", (3,), 3, "failing, with a long name"), tmp_path)
    if note == "damaged":
        (tmp_path / "job.json").write_text('{"half')
    assert embed(x, DOUBLE, tmp_path).made == 1
    assert everything(tmp_path)[0] == [0, 1]
    assert embed(x, DOUBLE, tmp_path).made == 0


def test_folder_of_a_run_at_work_that_made_no_shard_yet__stays_its_own(tmp_path):
    x = np.ones((2, 3), np.float32)

    def call(batch):
        with pytest.raises(FileExistsError, match="another run of `embed` is at work"):
            embed(x + 1, DOUBLE, tmp_path)
        return 2 * batch

    assert embed(x, Encoder(call, "vector", (3,), 3, "double"), tmp_path).made == 1


def test_folder_of_another_job__where_the_file_system_has_no_locks__is_refused(tmp_path, monkeypatch):
    def no_locks(descriptor):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("keras_similarity.embed.shards.try_lock", no_locks)
    with taken(tmp_path, JOB):
        pass
    with pytest.raises(FileExistsError, match=r"Delete that folder"):  # its run may be about to make a shard
        embed(np.ones((2, 3), np.float32), DOUBLE, tmp_path)


def test_worker_that_outlived_its_run__puts_no_shard_into_another_jobs_folder(tmp_path):
    with taken(tmp_path, replace(JOB, model="another")), pytest.raises(FileExistsError, match="of another model"):
        write_shard(tmp_path, JOB, 0, rows(0))
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_second_run_in_a_folder__is_refused_while_the_first_is_at_work(tmp_path):
    x = np.ones((4, 3), np.float32)
    refused = []

    def call(batch):
        with pytest.raises(FileExistsError, match="another run of `embed` is at work"):
            embed(x, DOUBLE, tmp_path, shard_rows=2)
        refused.append(shards(tmp_path))
        return 2 * batch

    assert embed(x, Encoder(call, "vector", (3,), 3, "double"), tmp_path, shard_rows=2).made == 2
    assert refused == [[], ["shard-000000.parquet"]]
    assert embed(x, DOUBLE, tmp_path, shard_rows=2).made == 0


def test_second_run__where_the_file_system_has_no_locks__makes_no_shard_twice(tmp_path, monkeypatch):
    def no_locks(descriptor):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("keras_similarity.embed.shards.try_lock", no_locks)
    x = np.ones((4, 3), np.float32)

    def call(batch):
        assert embed(x, DOUBLE, tmp_path, shard_rows=2).shards == 2
        return 2 * batch + np.float32(1e-4)

    embed(x, Encoder(call, "vector", (3,), 3, "double"), tmp_path, shard_rows=2)
    np.testing.assert_array_equal(everything(tmp_path)[2], 2 * x)
    assert len(list(tmp_path.iterdir())) == 2 + 2


def test_two_runs_that_begin_at_once__one_goes_on(tmp_path):
    x = np.ones((4, 3), np.float32)
    for attempt in range(20):
        outcomes, begin, end = [], threading.Barrier(2), threading.Barrier(2)

        def run(folder=tmp_path / str(attempt), outcomes=outcomes, begin=begin, end=end):
            def call(batch):
                end.wait(timeout=20)  # until the other one is refused
                return 2 * batch

            begin.wait()
            try:
                embed(x, Encoder(call, "vector", (3,), 3, "double"), folder)
                outcomes.append("done")
            except FileExistsError as error:
                outcomes.append(str(error).split(" is ")[0])
                end.wait(timeout=20)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == ["another run of `embed`", "done"]
        np.testing.assert_array_equal(everything(tmp_path / str(attempt))[2], 2 * x)


def test_shard_written_twice__the_first_stays_as_the_manifest_tells(tmp_path):
    with taken(tmp_path, JOB):
        pass
    finish(tmp_path, JOB, [write_shard(tmp_path, JOB, number, rows(number)) for number in range(2)])
    late = write_shard(tmp_path, JOB, 1, rows(1, change=1e-4))  # by a worker that was taken for dead
    assert late.rows == 4
    ids, _, vectors = everything(tmp_path)
    assert ids == list(range(8))
    np.testing.assert_array_equal(vectors, np.concatenate([rows(number).vectors for number in range(2)]))
    assert len(list(tmp_path.iterdir())) == 2 + 2


def test_two_writers_at_once__both_tell_of_the_file_that_is_there(tmp_path):
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        barrier, made = threading.Barrier(2), []

        def write(change, folder=folder, barrier=barrier, made=made):
            batch = rows(0, change)
            barrier.wait()
            made.append(write_shard(folder, JOB, 0, batch))

        writers = [threading.Thread(target=write, args=(change,)) for change in (0.0, 1e-4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert made[0] == made[1]
        finish(folder, JOB, [made[0], write_shard(folder, JOB, 1, rows(1))])
        assert everything(folder)[0] == list(range(8))
        assert len(list(folder.iterdir())) == 1 + 2, "a manifest and two shards"


def test_worker_taken_for_dead__whose_file_is_cleared_away_while_it_writes__finds_the_shard_there(tmp_path):
    made = [write_shard(tmp_path, JOB, number, rows(number)) for number in range(2)]
    ended = threading.Event()

    def clear():
        while not ended.is_set():
            finish(tmp_path, JOB, made)

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        assert {write_shard(tmp_path, JOB, 1, rows(1)) for _ in range(100)} == {made[1]}
    finally:
        ended.set()
        clearing.join()
