"""The server goes away, comes back, is slow, or is written to by others: clear errors, and nothing half-written."""

import contextlib
import threading
import time

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import (
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    IndexLockedError,
)
from keras_similarity.index.remote.postgres import copies, session, tuning
from keras_similarity.index.remote.postgres import index as postgres_index

ROW = np.ones((1, 8), np.float32)


@pytest.fixture
def database(postgres):
    return postgres


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(session, "WAIT_SECONDS", 1.0)


def table_of(index):
    return index.store.rpartition("table=")[2]


def test_connections_ended__searches_and_writes_go_on(filled, postgres):
    index, twin = filled
    for _ in range(3):
        postgres.end_connections()
        assert index.search(ROW).ids.tolist() == twin.search(ROW).ids.tolist()
        postgres.end_connections()
        assert index.add(ROW, ids=["new"]).tolist() == ["new"]
        assert index.remove(["new"]) == 1


def test_server_gone__clear_error_and_on_again_when_it_is_back(make, postgres, impatient):
    index = make()
    index.add(ROW, labels=["a"])
    postgres.stop()
    try:
        started = time.monotonic()
        for call in (lambda: index.search(ROW), lambda: index.add(ROW), lambda: len(index)):
            with pytest.raises(DatabaseUnavailableError, match=r"postgresql://postgres@/postgres.* cannot be reached"):
                call()
        with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
            Index.open(index.store)
        assert time.monotonic() - started < 20
    finally:
        postgres.start()
    assert index.search(ROW).labels[0, 0] == "a"
    assert index.add(ROW).tolist() == [1]
    assert len(index) == 2


def test_server_restarted_under_searches__none_is_lost(filled, postgres):
    index, twin = filled
    truth = twin.search(ROW).ids.tolist()
    failures, done, stop = [], [], threading.Event()

    def search():
        while not stop.is_set():
            try:
                assert index.search(ROW).ids.tolist() == truth
                done.append(1)
            except Exception as error:  # whatever it is, it is a lost search
                failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    postgres.stop()
    before = len(done)
    postgres.start()
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(done) > before > 0


def test_connection_ended_in_the_middle_of_a_write__it_happens_once(make, postgres, monkeypatch):
    index = make()
    index.add(ROW, ids=["old"])
    real, calls = postgres_index.copy_in, []

    def broken(connection, *arguments):
        real(connection, *arguments)
        calls.append(connection)
        if len(calls) == 1:
            postgres.end_connections()

    monkeypatch.setattr(postgres_index, "copy_in", broken)
    assert index.add(np.repeat(ROW, 3, axis=0), ids=["old", "a", "b"]).tolist() == ["old", "a", "b"]
    assert len(calls) == 2
    assert list(index) == ["old", "a", "b"]
    assert index.check().ok


class LosesItsCommit:
    """A connection whose COMMIT is carried out, or not, and then not answered."""

    def __init__(self, connection, postgres, carried_out):
        self._connection, self._postgres, self._carried_out = connection, postgres, carried_out

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, statement, *arguments, **options):
        if statement != "COMMIT":
            return self._connection.execute(statement, *arguments, **options)
        if self._carried_out:
            self._connection.execute("COMMIT")
        self._postgres.end_connections()
        return self._connection.execute("SELECT 1")  # fails as the answer to COMMIT would


@pytest.mark.parametrize("carried_out", [True, False])
def test_connection_ended_at_the_commit__the_server_is_asked_and_it_happens_once(
    make, postgres, monkeypatch, carried_out
):
    index = make()
    real, lost = session.Session._transaction, []

    def transaction(self, connection, work):
        if not lost:
            lost.append(connection)
            connection = LosesItsCommit(connection, postgres, carried_out)
        return real(self, connection, work)

    monkeypatch.setattr(session.Session, "_transaction", transaction)
    assert index.add(np.repeat(ROW, 2, axis=0)).tolist() == [0, 1]
    assert lost
    assert list(index) == [0, 1]
    assert index.generation == 1


def test_question_about_a_commit_that_fails__is_asked_again_and_the_write_happens_once(make, postgres, monkeypatch):
    import psycopg

    index = make()
    transaction, connected, asked = session.Session._transaction, session.Session._connected, []

    class Interrupted:
        """A connection on which nothing can be asked: it is ended by an administrator."""

        def execute(self, *arguments):
            asked.append(arguments)
            raise psycopg.errors.AdminShutdown("terminating connection")

    @contextlib.contextmanager
    def first_interrupted(self):
        with connected(self) as connection:
            yield Interrupted() if not asked else connection

    def lost(self, connection, work):
        monkeypatch.setattr(session.Session, "_transaction", transaction)
        return transaction(self, LosesItsCommit(connection, postgres, carried_out=True), work)

    monkeypatch.setattr(session.Session, "_transaction", lost)
    monkeypatch.setattr(session.Session, "_connected", first_interrupted)
    assert index.add(np.repeat(ROW, 2, axis=0)).tolist() == [0, 1]
    assert asked
    assert list(index) == [0, 1]
    assert index.generation == 1


def test_server_gone_at_the_commit__says_that_it_is_not_known(make, postgres, monkeypatch, impatient):
    index = make()

    class Lost(LosesItsCommit):
        def execute(self, statement, *arguments, **options):
            if statement == "COMMIT":
                self._postgres.stop()
            return self._connection.execute(statement, *arguments, **options)

    real = session.Session._transaction
    monkeypatch.setattr(
        session.Session,
        "_transaction",
        lambda self, connection, work: real(self, Lost(connection, postgres, False), work),
    )
    try:
        with pytest.raises(DatabaseUnavailableError, match="whether the write is there is not known"):
            index.add(ROW)
    finally:
        postgres.start()
    assert len(index) == 0
    assert index.check().ok


def test_statement_that_takes_too_long__is_undone(make, rng, monkeypatch):
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    index = make(64, options={"options": "-c statement_timeout=150"})
    vectors = rng.normal(size=(40_000, 64)).astype(np.float32)
    index.add(vectors[:1], ids=["here"])
    with pytest.raises(DatabaseTimeoutError, match=r"statement timeout.\n.*statement_timeout"):
        index.add(vectors, metadata=[{"long": "x" * 200}] * len(vectors))
    assert list(index) == ["here"]
    for start in range(0, 8000, 1000):
        index.add(vectors[start : start + 1000])
    with pytest.raises(DatabaseTimeoutError):
        index.build()
    assert index.describe()["engine"]["engine"] == "exact"
    assert index.search(vectors[5:6], k=1).ids.tolist() == [[5]]
    assert index.check().ok


def test_table_locked_by_another__says_so_within_the_time_allowed(make, postgres):
    import psycopg

    index = make(options={"options": "-c lock_timeout=100"})
    with psycopg.connect(postgres.uri) as other:
        other.execute(f"SELECT FROM {table_of(index)}_state FOR UPDATE")
        with pytest.raises(IndexLockedError, match="another process writes to"):
            index.add(ROW)
        assert len(index.search(ROW)[0]) == 0  # readers wait for nobody
    assert index.add(ROW).tolist() == [0]


def test_write_undone__its_labels_were_never_given(make, monkeypatch):
    index = make()
    with monkeypatch.context() as patch:
        patch.setattr(postgres_index, "copy_in", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            index.add(ROW, labels=["undone"])
    with Index.open(index.store) as other:
        other.add(ROW, labels=["theirs"])
    assert index.search(ROW).labels[0, 0] == "theirs"
    index.add(ROW, labels=["undone"])
    assert index.arrays().labels == ["theirs", "undone"]


def test_copy_while_another_writes__is_of_one_moment(make, monkeypatch):
    index = make()
    index.add(ROW, labels=["before"])
    real = copies.read_state

    def written_to_after(connection, tables):
        state = real(connection, tables)
        with Index.open(index.store) as other:
            other.add(ROW, labels=["after"])
        return state

    monkeypatch.setattr(copies, "read_state", written_to_after)
    copy = index.arrays()
    assert (copy.ids.tolist(), copy.labels, copy.generation) == ([0], ["before"], 1)


def test_more_work_than_connections__waits_and_then_says_that_all_are_busy(make, postgres, impatient):
    index = make(options={"connections": 2, "application_name": "two"})
    taken, done = threading.Barrier(3), threading.Event()

    def hold(connection):
        taken.wait(10)
        done.wait(10)

    threads = [threading.Thread(target=index._session.read, args=(hold,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        taken.wait(10)
        with pytest.raises(
            DatabaseUnavailableError, match=r"all 2 connections to .* were busy for 1 s\.\n  Allow more: &"
        ):
            index.search(ROW)
        assert postgres.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'two'") == [(2,)]
        waiting = threading.Thread(target=index.add, args=(ROW,))
        waiting.start()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    waiting.join()
    assert len(index) == 1
