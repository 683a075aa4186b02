"""What goes wrong alike in every database: items that change, writers at once, writers that are killed."""

import threading

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import UnknownIdError
from killed_writer import ROWS, last_write_of_a_killed_writer

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


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgres", "milvus"], indirect=True)  # Qdrant has no transactions
def test_writer_killed_at_random_moments__whole_writes_alone_are_there(make, rng):
    for kill in range(6):
        index = make()
        last = last_write_of_a_killed_writer(index.store, rng)
        index.refresh()
        ids = list(index)
        assert len(ids) % ROWS == 0, kill
        assert len(ids) // ROWS in (last + 1, last + 2), kill
        index.add(ROW, ids=["after"])  # breaks the lock of the dead, and tidies up
        assert list(index) == [*ids, "after"]
        assert index.check().ok
