"""One thread changes an index while another is in the middle of reading it: nothing of two moments is mixed."""

import threading

import numpy as np

from keras_similarity import Index
from keras_similarity.index.stores import MemoryStore
from keras_similarity.index.stores.memory import MemoryRecords


def test_save__another_thread_adds_between_rows_and_data__is_of_one_moment(tmp_path, monkeypatch):
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0]], ids=["a", "b"], data=["A", "B"])
    columns, adding = MemoryStore.columns, []

    def add_then_read(self):
        adding.append(threading.Thread(target=lambda: index.add([[2.0]], ids=["c"], data=["C"])))
        adding[0].start()
        adding[0].join(0.2)
        return columns(self)

    monkeypatch.setattr(MemoryStore, "columns", add_then_read)
    index.save(tmp_path / "saved")
    monkeypatch.undo()
    adding[0].join()
    again = Index.open(tmp_path / "saved")
    assert list(again) == ["a", "b"]
    again.add([[9.0]], ids=["z"], data=["Z"])
    assert again.get(["z"])[0].data == "Z"


def test_filter__still_read_when_the_index_is_compacted__leaves_later_filters_right(monkeypatch):
    index = Index(1, "euclidean")
    index.add(
        [[float(row)] for row in range(6)], metadata=[{"colour": "red" if row % 2 else "blue"} for row in range(6)]
    )
    metadata, entered, go_on, found = MemoryRecords.metadata, threading.Event(), threading.Event(), []

    def slow(self, start, stop):
        values = list(metadata(self, start, stop))
        if threading.current_thread().name == "slow":
            entered.set()
            go_on.wait(10)
        return values

    def search(colour):
        ids = index.search([[0.0]], k=6, where={"colour": colour}).ids
        return sorted(ids[ids >= 0].tolist())

    monkeypatch.setattr(MemoryRecords, "metadata", slow)
    thread = threading.Thread(name="slow", target=lambda: found.append(search("red")))
    thread.start()
    assert entered.wait(10)
    index.remove([0])
    index.compact()
    assert search("blue") == [2, 4]
    go_on.set()
    thread.join()
    assert found == [[1, 3, 5]]
    assert (search("red"), search("blue")) == ([1, 3, 5], [2, 4])


def test_label_counts__labels_that_come_meanwhile__are_counted_as_none(monkeypatch):
    index = Index(1, "euclidean")
    index.add([[0.0]], ["known"])
    vocabulary = index._store.vocabulary
    find = type(vocabulary).find

    def add_then_find(self, labels):
        monkeypatch.undo()
        index.add([[1.0], [2.0]], ["new", "newer"])
        return find(self, labels)

    monkeypatch.setattr(type(vocabulary), "find", add_then_find)
    assert np.array_equal(index.label_counts(["known", "new", "newer"]), [1, 0, 0])
