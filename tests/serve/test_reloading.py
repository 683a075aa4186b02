"""An index opened anew beside jobs of the explorer, searches and writes: none is hindered, and nothing is lost."""

import asyncio
import threading

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.calibrate import calibrate
from keras_similarity.serve import Explorer, Limits, Metrics, served_indexes
from keras_similarity.serve.explorer.jobs import NotReadyError
from keras_similarity.serve.opened_index import OpenedIndex
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.searches import Search
from serve.serving import make_shelf

ROW = np.ones((1, 3), np.float32)


@pytest.fixture
def served(tmp_path, rng):
    make_shelf(tmp_path / "shelf.index", rng)
    found = served_indexes([tmp_path / "shelf.index"], Limits(), Metrics())["shelf"]
    yield found
    found.close()


def add(name):
    return lambda index: index.add(ROW, ids=[name])


def test_job__goes_on_with_the_items_that_it_began_with(served, monkeypatch):
    monkeypatch.setattr("keras_similarity.serve.explorer.jobs.WAIT_SECONDS", 0.01)
    reloaded, begun = threading.Event(), threading.Event()

    def project(rows):
        begun.set()
        reloaded.wait()
        return np.asarray(rows)[:, :2]

    explorer = Explorer(project)

    async def steps():
        with pytest.raises(NotReadyError):
            await explorer.map(served)
        await asyncio.to_thread(begun.wait)
        await served.reload()
        await served.write(add("later"))
        reloaded.set()
        async with asyncio.timeout(20):
            while True:
                try:
                    return await explorer.map(served)
                except NotReadyError:
                    await asyncio.sleep(0.01)

    drawn = asyncio.run(steps())
    explorer.close()
    assert len(drawn.ids) == 300
    assert "later" not in drawn.ids.tolist()


def test_write_after_a_reload__works_while_something_is_lent(served):
    async def steps():
        await served.write(add("before"))  # from here on the server is the folder's writer
        with served.lent() as index:
            await served.reload()
            await served.write(add("after"))
            assert index.get(["before"])[0].id == "before"  # it reads on
            assert index.search(ROW, 1).ids.tolist() == [["before"]]
        await served.reload()
        await served.write(add("at last"))

    asyncio.run(steps())
    assert len(served.index) == 303


def test_index_that_was_replaced__is_closed_when_the_reload_is_over(served, monkeypatch):
    closed, old = [], served.index
    close = old.close
    monkeypatch.setattr(old, "close", lambda: closed.append(True) or close())
    with served.lent():
        asyncio.run(served.reload())
    assert closed == [True]


def test_index_that_no_search_lets_in__is_closed_and_the_old_one_served_on(served, monkeypatch):
    closed, old = [], served.index

    def refuse(call):
        raise Problem(504, "the search does not come back")

    monkeypatch.setattr(OpenedIndex, "close", lambda self: closed.append(self.index))
    with monkeypatch.context() as patch:
        patch.setattr(served._batcher, "between", refuse)
        with pytest.raises(Problem):
            asyncio.run(served.reload())
    assert served.index is old
    assert len(closed) == 1
    assert closed[0] is not old


def test_writes_beside_reloads__are_all_taken_and_seen_at_once(served):
    names = [f"new {number}" for number in range(60)]

    async def write():
        for name in names:
            await served.write(add(name))
            assert await served.read(lambda index, name=name: name in index)

    async def reload():
        for _ in range(10):
            await served.reload()

    async def steps():
        await asyncio.gather(write(), reload(), reload())

    asyncio.run(steps())
    assert len(served.index) == 360


def test_client_that_leaves_while_an_index_is_opened__does_not_stop_it(served):
    searching, go_on = threading.Event(), threading.Event()
    old = served.index

    def slow(_):
        searching.set()
        go_on.wait()

    async def steps():
        await served.write(add("before"))
        under_way = asyncio.create_task(served.read(slow))
        await asyncio.to_thread(searching.wait)
        asked = asyncio.create_task(served.reload())
        await asyncio.sleep(0.2)
        asked.cancel()
        await asyncio.wait([asked])
        go_on.set()
        await under_way
        await served.write(add("after"))
        assert served.index is not old

    asyncio.run(steps())
    assert len(served.index) == 302


def test_reload__waits_for_the_search_under_way_and_for_no_queue(tmp_path, rng):
    """However many queries wait, and a search that is under way ends with the index that it began with."""
    vectors = make_shelf(tmp_path / "shelf.index", rng)
    served = served_indexes([tmp_path / "shelf.index"], Limits(queue=1), Metrics())["shelf"]
    searching, go_on = threading.Event(), threading.Event()
    old = served.index

    def slow(index):
        searching.set()
        go_on.wait()
        return index is old, index.get([3])[0].id

    async def steps():
        under_way = asyncio.create_task(served.read(slow))
        await asyncio.to_thread(searching.wait)
        waiting = asyncio.create_task(served.search(Search([vectors[0]], 1)))
        await asyncio.sleep(0)
        reload = asyncio.create_task(served.reload())
        await asyncio.sleep(0.1)
        assert served.index is old
        assert not reload.done()
        go_on.set()
        await reload
        assert served.index is not old
        return await under_way, await waiting

    (was_old, found), answer = asyncio.run(steps())
    assert (was_old, found) == (True, 3)
    assert b'"id":0' in answer
    served.close()


def test_index_that_is_gone__is_served_on_and_written_to(served, tmp_path):
    async def steps():
        await served.write(add("before"))
        (tmp_path / "shelf.index").rename(tmp_path / "moved.index")
        with pytest.raises(FileNotFoundError):
            await served.reload()
        (tmp_path / "moved.index").rename(tmp_path / "shelf.index")
        await served.write(add("after"))

    asyncio.run(steps())
    assert len(served.index) == 302


@pytest.fixture
def linked(tmp_path, rng):
    """What is served by the name of a link, and the folders of two builds; the second has thresholds too."""
    builds = [tmp_path / f"my.{number}.index" for number in (1, 2)]
    for number, build in enumerate(builds, 1):
        vectors = make_shelf(build, rng, count=20 * number)
        labels = [f"class {row % 7}" for row in range(len(vectors))]
        with ks.Index.open(build) as index:
            results = calibrate(index, vectors, labels, k=2)
    results.save(builds[1] / "calibration.npz")
    (tmp_path / "my.index").symlink_to(builds[0].name)
    found = served_indexes([tmp_path / "my.index"], Limits(), Metrics())["my"]
    yield found, builds
    found.close()


def point_at(link, build):
    fresh = link.with_name("fresh")
    fresh.symlink_to(build.name)
    fresh.replace(link)


def test_link_that_points_elsewhere__is_followed_by_a_reload_alone(linked, rng):
    served, (first, second) = linked

    async def steps():
        point_at(served.path, second)
        assert not await served.refresh()
        assert served.calibration is None  # thresholds of another index
        many = rng.normal(size=(1100, 3))  # more than wait in a database: they go to a file of their own
        await served.write(lambda index: index.add(many))
        await served.reload()
        assert (len(served.index), served.calibration is not None) == (40, True)
        await served.write(add("new"))

    asyncio.run(steps())
    for build, count in ((first, 1120), (second, 41)):
        with ks.Index.open(build) as index:
            assert (len(index), index.check().ok) == (count, True)
