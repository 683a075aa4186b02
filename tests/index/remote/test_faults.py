"""What goes wrong alike in every database: items that change, writers at once, writers that are killed."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import UnknownIdError

ROW = np.ones((1, 8), np.float32)
WRITERS = {
    "postgresql": (4, 12),
    "milvus": (3, 4),
    "qdrant": (4, 6),
}  # at once, and turns of each: a write to Milvus takes 200 ms


def test_item_changed_since_it_was_found__says_search_again(make):
    index = make()
    index.add(ROW, data=["first"])
    found = index.search(ROW)[0][0]
    index.update([0], data=["second"])
    with pytest.raises(UnknownIdError, match="Search again"):
        assert found.data
    assert index.search(ROW)[0][0].data == "second"


def test_writers_at_once__each_id_once_and_every_count_right(make):
    index = make()
    count, turns = WRITERS[index.store.partition(":")[0]]
    counted, errors = [], []

    def write(seed):
        rng = np.random.default_rng(seed)
        try:
            with Index.open(index.store, durability="fast") as mine:
                for _ in range(turns):
                    counted.extend(mine.add(rng.normal(size=(3, 8)), labels=rng.integers(0, 50, 3)).tolist())
                    shared = [f"shared {number}" for number in rng.permutation(6)[:3]]
                    mine.add(rng.normal(size=(3, 8)), labels=[f"label {seed}"] * 3, ids=shared)
                    mine.remove(shared[:1])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(counted) == list(range(count * turns * 3))
    ids = list(index)
    assert len(set(ids)) == len(ids) == len(index)
    assert set(counted) <= set(ids)
    assert index.check().ok


def write_until_killed(store, told):
    with Index.open(store, durability="fast") as index:
        number = 0
        while True:
            index.add(np.full((50, 8), number), ids=[f"{number} {row}" for row in range(50)], labels=[number] * 50)
            told.send(number)
            number += 1


@pytest.mark.slow
def test_writer_killed_at_random_moments__whole_writes_alone_are_there(make, rng):
    context = multiprocessing.get_context("spawn")
    for kill in range(6):
        index = make()
        if index.store.startswith("qdrant:"):  # nor may two processes open a folder
            pytest.skip("Qdrant has no transactions: test_qdrant.py says what is left of a killed write")
        here, there = context.Pipe(duplex=False)
        writer = context.Process(target=write_until_killed, args=(index.store, there))
        writer.start()
        here.recv()
        time.sleep(float(rng.uniform(0, 0.3)))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        there.close()
        last = 0
        with contextlib.suppress(EOFError):
            while True:
                last = here.recv()
        index.refresh()
        ids = list(index)
        assert len(ids) % 50 == 0, kill
        assert len(ids) // 50 in (last + 1, last + 2), kill
        index.add(ROW, ids=["after"])  # breaks the lock of the dead, and tidies up
        assert list(index) == [*ids, "after"]
        assert index.check().ok
