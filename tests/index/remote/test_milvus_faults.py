"""Milvus goes away, comes back, is slow, or is written to by others: clear errors, and nothing half-written."""

import dataclasses
import os
import time

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import (
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    IndexLockedError,
)
from keras_similarity.index.remote.milvus import lock, reading, writing
from keras_similarity.index.remote.milvus.schema import STATE
from keras_similarity.index.remote.milvus.session import Session

ROW = np.ones((1, 8), np.float32)


@pytest.fixture
def database(milvus):
    return milvus


class Broken(Exception):
    """What a test raises in the middle of a write."""


def failing(monkeypatch, name, error, *, after=0):
    """Make the calls of a session fail, after some of them; those of the same name that come first go through."""
    real, calls = getattr(Session, name), []

    def call(self, *arguments, **options):
        calls.append(arguments)
        if len(calls) > after:
            raise error
        return real(self, *arguments, **options)

    monkeypatch.setattr(Session, name, call)
    return calls


def test_write_that_fails_before_its_state__was_never_there(make, monkeypatch):
    monkeypatch.setattr(writing, "MOST_ROWS", 2)
    index = make()
    index.add(ROW, ids=["old"], labels=["kept"])
    with monkeypatch.context() as patch:
        failing(patch, "put", Broken, after=2)  # the labels and the first block are written
        with pytest.raises(Broken):
            index.add(np.repeat(ROW, 5, axis=0), ids=["old", "a", "b", "c", "d"], labels=list("vwxyz"))
    assert list(index) == ["old"]
    assert index.search(ROW, k=3).ids.tolist() == [["old", None, None]]
    assert index.add(ROW, ids=["new"], labels=["theirs"]).tolist() == ["new"]
    assert index.search(ROW, k=3).labels.tolist() == [["kept", "theirs", None]]
    assert index.arrays().labels == ["kept", "theirs"]
    assert index.check().ok


def test_write_seen_half_way_by_another__is_as_it_was_before(make, monkeypatch):
    index = make()
    index.add(np.repeat(ROW, 2, axis=0), ids=["a", "b"])
    seen = []
    with Index.open(index.store) as other:
        real = Session.put

        def put(self, rows, **options):
            real(self, rows, **options)
            other.refresh()
            seen.append((list(other), other.search(ROW, k=5).ids.tolist(), len(other), "c" in other))

        monkeypatch.setattr(Session, "put", put)
        index.add(np.repeat(ROW, 2, axis=0), ids=["b", "c"])
        other.refresh()
        after = list(other), other.search(ROW, k=5).ids.tolist(), len(other), "c" in other
    before = ["a", "b"], [["a", "b", None, None, None]], 2, False
    done = ["a", "b", "c"], [["a", "b", "c", None, None]], 3, True
    assert seen[0] == before  # the rows are there, the state is not
    assert seen[-1] == after == done  # the state is there, what it replaced was not deleted then


def test_rows_that_were_replaced_and_not_deleted__do_not_count(make, monkeypatch):
    index = make()
    index.add(np.repeat(ROW, 3, axis=0), ids=["a", "b", "c"], metadata=[{"n": 1}] * 3)
    with monkeypatch.context() as patch:
        failing(patch, "delete", DatabaseUnavailableError("gone"))
        index.add(ROW, ids=["b"], metadata=[{"n": 2}])
    with Index.open(index.store) as other:
        for one in (index, other):
            assert list(one) == ["a", "c", "b"]
            assert one.search(ROW, k=5).ids.tolist() == [["a", "c", "b", None, None]]
            assert [record.id for record in one.records(where={"n": 1})] == ["a", "c"]
            assert one.search(ROW, k=1, where={"n": 2})[0][0].metadata == {"n": 2}
            assert one.get(["b"])[0].metadata == {"n": 2}
    index.remove(["a"])  # and tidies up
    assert list(index) == ["c", "b"]
    rows = index._session.query("seq >= 0", ["seq"], newest=True)
    assert len(rows) == 2


def test_last_step_unanswered__is_looked_up_and_happens_once(make, monkeypatch):
    index = make()
    for carried_out in (True, False):
        real, calls = Session.put, []

        def put(self, rows, *, part="items", over=False, real=real, calls=calls, carried_out=carried_out):
            if rows[0]["label"] != -2 or calls:
                return real(self, rows, part=part, over=over)
            calls.append(1)
            if carried_out:
                real(self, rows, part=part, over=over)
            raise DatabaseTimeoutError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(Session, "put", put)
            if carried_out:
                assert index.add(ROW, ids=[f"{carried_out}"]).tolist() == ["True"]
            else:
                with pytest.raises(DatabaseUnavailableError, match="whether the write is there is not known"):
                    index.add(ROW, ids=[f"{carried_out}"])
        assert calls
    assert list(index) == ["True"]
    assert index.add(ROW, ids=["False"]).tolist() == ["False"]
    assert list(index) == ["True", "False"]
    assert index.check().ok


def test_state_that_arrives_after_it_was_given_up__brings_the_whole_write(make, monkeypatch):
    index = make()
    index.add(np.repeat(ROW, 2, axis=0), ids=["a", "b"])
    real, on_its_way = Session.put, []

    def put(self, rows, **options):
        if rows[0]["label"] == STATE:
            on_its_way.append((self, rows, options))
            raise DatabaseTimeoutError("no answer")
        real(self, rows, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "put", put)
        with pytest.raises(DatabaseUnavailableError, match="whether the write is there is not known"):
            index.add(np.repeat(ROW, 2, axis=0), ids=["b", "c"])
    for session, rows, options in on_its_way:
        real(session, rows, **options)
    index.refresh()
    assert list(index) == ["a", "b", "c"]
    assert index.check().ok


def test_lock_broken_during_a_write__nothing_is_there(make, monkeypatch):
    index = make()
    real = Session.put

    def put(self, rows, **options):
        real(self, rows, **options)
        self.call("drop_collection", f"{self.table}_writer")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "put", put)
        with pytest.raises(IndexLockedError, match="another process went on without it"):
            index.add(ROW, ids=["a"])
    assert list(index) == []


def test_rows_that_arrived_though_milvus_said_not_ready__are_there_once(make, monkeypatch):
    pymilvus = pytest.importorskip("pymilvus", reason="an extra (milvus); make test-all has it")
    index = make()
    client, calls = index._session._client, []
    real = client.insert

    def insert(*arguments, **options):
        real(*arguments, **options)
        calls.append(1)
        if len(calls) == 1:
            raise pymilvus.MilvusException(1, "the channel is not ready")

    monkeypatch.setattr(client, "insert", insert)
    index.add(np.repeat(ROW, 3, axis=0))
    assert list(index) == [0, 1, 2]
    assert index.check().ok


def test_server_that_finds_nothing_for_a_moment__is_asked_again(make, monkeypatch):
    index = make()
    index.add(ROW, ids=["a"])
    real, answers = Session.query, [[], []]

    def query(self, condition, *arguments, **options):
        return answers.pop() if answers else real(self, condition, *arguments, **options)

    monkeypatch.setattr(Session, "query", query)
    with Index.open(index.store) as again:
        assert not answers
        assert list(again) == ["a"]


def test_server_that_is_not_ready__is_not_a_collection_of_others(make, monkeypatch):
    index = make()
    failing(monkeypatch, "query", DatabaseUnavailableError("partition 7 is not loaded"))
    with pytest.raises(DatabaseUnavailableError, match="partition 7"):
        Index.open(index.store)


def test_server_killed_and_started_again__clear_error_and_nothing_lost(make, milvus, rng):
    index = make()
    vectors = rng.normal(size=(100, 8)).astype(np.float32)
    index.add(vectors, labels=["a"] * 100, data=[b"x"] * 100)
    hurried = Index.open(index.store + "&timeout=1")
    milvus.stop()
    try:
        started = time.monotonic()
        for call in (lambda: hurried.search(ROW), lambda: hurried.add(ROW), lambda: len(hurried)):
            with pytest.raises(
                DatabaseUnavailableError, match=r"milvus://127\.0\.0\.1:\d+\?table=.* cannot be reached"
            ):
                call()
        with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
            Index.open(index.store + "&timeout=1")
        assert time.monotonic() - started < 20
    finally:
        milvus.start()
    with Index.open(index.store + "&timeout=60") as again:  # waits until it is loaded, on a busy machine too
        assert again.search(vectors[:5], k=1).ids.tolist() == [[0], [1], [2], [3], [4]]
    assert index.search(vectors[7:8], k=1)[0][0].data == b"x"
    assert index.add(ROW).tolist() == [100]
    assert len(index) == 101
    assert index.check().ok


def test_call_that_takes_too_long__says_so_and_nothing_is_there(make, monkeypatch, rng):
    index = make(64)
    index.add(rng.normal(size=(1, 64)), ids=["here"])
    vectors = rng.normal(size=(20_000, 64)).astype(np.float32)
    with Index.open(index.store) as hurried:
        address = dataclasses.replace(hurried._session._address, timeout=0.05)
        monkeypatch.setattr(hurried._session, "_address", address)  # opening it may need longer
        with pytest.raises(DatabaseTimeoutError, match=r"in the time allowed.\n.*timeout=60"):
            hurried.add(vectors, ids=np.arange(20_000))
    assert list(index) == ["here"]
    assert index.search(vectors[:1], k=2).ids.tolist() == [["here", None]]
    assert index.check().ok


def test_writer_that_does_not_come_back__is_named_then_passed_over(make, monkeypatch):
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(lock, "LEASE_SECONDS", -29.0)  # and three times ten seconds
    index = make()
    stuck = lock.TableLock(index._session, 1.0)
    stuck.take()
    with pytest.raises(IndexLockedError, match=rf"process {os.getpid()} on .* is writing to milvus://"):
        index.add(ROW)
    assert len(index.search(ROW)[0]) == 0  # readers wait for nobody
    time.sleep(0.9)
    assert index.add(ROW).tolist() == [0]
    with pytest.raises(IndexLockedError, match="another process went on without it"):
        stuck.check()
    stuck.release()


@pytest.mark.parametrize("replaced_first", [True, False])
def test_item_replaced_while_it_is_read__is_there(make, monkeypatch, replaced_first):
    index = make()
    index.add(np.repeat(ROW, 2, axis=0), ids=["a", "b"])
    real, calls = reading.with_ids, []

    def with_ids(*arguments):
        before = real(*arguments)
        calls.append(1)
        if len(calls) % 2:  # once for each question
            index.add(ROW, ids=["b"])
            return real(*arguments) if replaced_first else before
        return before

    with Index.open(index.store) as other:
        monkeypatch.setattr(reading, "with_ids", with_ids)
        assert "b" in other
        calls.clear()
        assert other.get(["b"])[0].id == "b"


def test_copy_while_another_writes__is_of_one_moment_or_refused(make, monkeypatch):
    index = make()
    index.add(ROW, labels=["before"])
    real, left = reading.pages, [1]

    def pages(*arguments, **options):
        found = list(real(*arguments, **options))
        if left[0]:
            left[0] -= 1
            with Index.open(index.store) as other:
                other.add(ROW)
        return found

    monkeypatch.setattr(reading, "pages", pages)
    copy = index.arrays()
    assert (copy.ids.tolist(), copy.generation) == ([0, 1], 2)
    left[0] = 100
    with pytest.raises(IndexLockedError, match="written to while it was read"):
        index.arrays()
