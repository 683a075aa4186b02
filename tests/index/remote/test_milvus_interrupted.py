"""A write to Milvus that its user interrupts with Ctrl-C: undone or done, and in nobody's way."""

import _thread

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.index.remote.milvus import lock
from keras_similarity.index.remote.milvus.schema import LABELS, STATE
from keras_similarity.index.remote.milvus.session import Session

ROW = np.ones((1, 8), np.float32)


@pytest.fixture
def database(milvus):
    return milvus


@pytest.mark.parametrize("interrupted", ["labels", "rows", "state", "deleting"])
def test_write_interrupted_by_its_user__is_undone_or_done_and_keeps_nobody_waiting(make, monkeypatch, interrupted):
    monkeypatch.setattr(lock, "WAIT_SECONDS", 10.0)
    index = make()
    index.add(ROW, ids=["old"], labels=["kept"])
    kinds = {"labels": LABELS, "rows": 1, "state": STATE}
    put, delete, left = Session.put, Session.delete, [1]

    def putting(self, rows, **options):
        if rows[0]["label"] == kinds.get(interrupted):
            _thread.interrupt_main()
        put(self, rows, **options)

    def deleting(self, *arguments, **options):
        if interrupted == "deleting" and left:
            left.pop()  # once
            _thread.interrupt_main()
        delete(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "put", putting)
        patch.setattr(Session, "delete", deleting)
        with pytest.raises(KeyboardInterrupt):
            index.add(np.repeat(ROW, 2, axis=0), ids=["old", "a"], labels=["new", "new"])
    undone, done = ["old"], ["old", "a"]
    with Index.open(index.store) as other:
        there = list(other)
        # The signal comes before or after the state is there, as the interpreter likes.
        assert there in {"labels": [undone], "rows": [undone], "state": [undone, done], "deleting": [done]}[interrupted]
        other.add(ROW, ids=["theirs"], labels=["of theirs"])
        assert other.arrays().labels == (["kept"] if len(there) == 1 else ["kept", "new"]) + ["of theirs"]
    index.refresh()
    assert list(index) == [*there, "theirs"]
    assert index.check().ok
