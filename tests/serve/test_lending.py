"""A reload beside a job of the explorer: the job goes on with the index that it began with, and then that is closed."""

import asyncio
import threading

import numpy as np
import pytest

from keras_similarity.serve import Explorer, Limits, Metrics, served_indexes
from keras_similarity.serve.explorer.jobs import NotReadyError
from serve.serving import make_shelf


def test_index_that_is_opened_anew__is_not_closed_under_a_job(tmp_path, rng, monkeypatch):
    vectors = make_shelf(tmp_path / "shelf.index", rng)
    served = served_indexes([tmp_path / "shelf.index"], Limits(), Metrics())["shelf"]
    monkeypatch.setattr("keras_similarity.serve.explorer.jobs.WAIT_SECONDS", 0.01)
    reloaded, begun = threading.Event(), threading.Event()
    old, closed, found = served.index, [], []
    close = old.close
    monkeypatch.setattr(old, "close", lambda: closed.append(True) or close())

    def project(rows):
        begun.set()
        reloaded.wait()
        found.append((list(closed), old.search(vectors[:1], 1).ids.tolist()))
        return np.asarray(rows)[:, :2]

    explorer = Explorer(project)

    async def steps():
        with pytest.raises(NotReadyError):
            await explorer.map(served)
        await asyncio.to_thread(begun.wait)
        await served.reload()
        assert served.index is not old
        reloaded.set()
        async with asyncio.timeout(20):
            while not closed:
                await asyncio.sleep(0.01)

    asyncio.run(steps())
    assert found == [([], [[0]])]
    explorer.close()
    served.close()


def test_index_that_nobody_uses__is_closed_at_once(tmp_path, rng, monkeypatch):
    make_shelf(tmp_path / "shelf.index", rng)
    served = served_indexes([tmp_path / "shelf.index"], Limits(), Metrics())["shelf"]
    closed = []
    monkeypatch.setattr(served.index, "close", lambda: closed.append(True))
    with served.lent() as index:
        assert index is served.index
    assert not closed  # it is served still
    asyncio.run(served.reload())
    assert closed == [True]
    served.close()
