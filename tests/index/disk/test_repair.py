"""What `check` finds in a damaged folder, and what `repair` saves of it."""

import sqlite3
import threading

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import (
    CorruptIndexError,
)
from keras_similarity.index.builder import Builder
from keras_similarity.index.stores.disk.write_points import on_write_point


def test_check__sound_index__is_ok(filled):
    with Index.open(filled) as index:
        report = index.check()
    assert (report.ok, report.problems, report.lost_items, report.lost_records) == (True, (), (), ())


def test_repair__damaged_vectors__removes_those_items_alone(filled, monkeypatch, damage):
    file = sorted((filled / "segments").iterdir())[0]
    damage(file, 4096 + 3)
    with Index.open(filled) as index:
        with pytest.raises(CorruptIndexError, match="the vectors of its rows 0 to"):
            index.search(np.zeros((1, 4)))
        report = index.check()
        assert not report.ok
        assert set(report.lost_items) >= {0, 1, 2}
        assert 3 not in report.lost_items  # removed before
        assert index.check(repair=True).repaired
        left = [row for row in range(70) if row not in {3, 60, *report.lost_items}]
        assert list(index) == left
        assert index.check().problems == ()
        assert index.search(np.zeros((1, 4)), k=99).ids[0].tolist().count(-1) == 99 - len(left)
        index.add(np.zeros((1, 4)), ids=["on"])
    with Index.open(filled) as again:
        assert list(again) == [*left, "on"]
        assert again.get([69])[0].metadata == {"n": 19}


def test_repair__damaged_ids_and_codes__come_back_from_the_database(filled, damage):
    with Index.open(filled) as index:
        before = [(record.id, record.label, record.data) for record in index.records()]
        segment = next(iter(index._store._parts.values())).segment
        places = [segment._sections[name]["start"] for name in ("ids", "codes", "rows")]
    for place in places:
        damage(segment.path, place + 5)
    with Index.open(filled) as damaged, pytest.raises(CorruptIndexError, match="the ids of its rows"):
        damaged.search(np.zeros((1, 4)))
    report = Index.repair(filled)
    assert report.repaired
    assert len(report.problems) == 3
    assert report.lost_items == report.lost_records == ()
    with Index.open(filled) as again:
        assert [(record.id, record.label, record.data) for record in again.records()] == before


def test_repair__damaged_record__keeps_the_item_without_it(filled):
    connection = sqlite3.connect(filled / "index.sqlite")
    connection.execute("UPDATE items SET data = x'6a39' WHERE row = 5")
    connection.execute("DELETE FROM items WHERE row = 6")
    connection.execute("UPDATE items SET metadata = '{\"n\": 99}' WHERE row = 51")
    connection.commit()
    connection.close()
    with Index.open(filled) as index:
        for row in (5, 6):
            with pytest.raises(CorruptIndexError, match=f"row {row}"):
                index.get([row])
        with pytest.raises(CorruptIndexError, match="row"):
            index.search(np.zeros((1, 4)), where={"n": 99})
        report = index.check(repair=True)
        assert sorted(report.lost_records) == [5, 6, 51]
        assert report.lost_items == ()
        assert [record.data for record in index.get([4, 5, 6])] == [4, None, None]
        assert index.get([5])[0].label == "class 0"


def test_repair__missing_segment__names_its_rows(filled):
    files = sorted((filled / "segments").iterdir())
    files[0].unlink()
    with pytest.raises(CorruptIndexError, match=r"is missing.\n  `Index.repair"):
        Index.open(filled)
    report = Index.repair(filled)
    assert report.lost_items[:4] == (0, 1, 2, 4)  # 3 was removed before
    with Index.open(filled) as again:
        assert len(again) == 68 - len(report.lost_items)


def test_repair__killed_when_the_old_database_was_gone__is_finished_by_the_next(filled, damage):
    damage(sorted((filled / "segments").iterdir())[0], 4096 + 3)

    def die(point):
        if point.startswith("repair"):
            raise KeyboardInterrupt

    on_write_point(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            Index.repair(filled)
    finally:
        on_write_point(None)
    with pytest.raises(CorruptIndexError, match=r"was interrupted.\n  `Index.repair"):
        Index.open(filled)
    assert Index.repair(filled).problems == ()
    with Index.open(filled) as again:
        assert again.get([69])[0].metadata == {"n": 19}
        assert again.check().ok


def test_repair__nothing_there__is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no index lives in"):
        Index.repair(tmp_path)


def test_segment_of_another_index__is_not_taken_for_its_own(filled, tmp_path, rng):
    other = tmp_path / "other"
    with Index(4, "euclidean", store=other) as index:
        index.add(rng.normal(size=(50, 4)))
    mine, theirs = (sorted((folder / "segments").iterdir())[0] for folder in (filled, other))
    mine.write_bytes(theirs.read_bytes())
    with pytest.raises(CorruptIndexError, match=r"first page is not the one|bytes instead of"):
        Index.open(filled)


def test_check_with_repair__while_an_engine_is_built_behind__waits_for_it(filled, monkeypatch):
    made, entered, go_on, reports = Builder._made, threading.Event(), threading.Event(), []

    def wait_then_make(self, plan, matrix):
        entered.set()
        go_on.wait(10)
        return made(self, plan, matrix)

    monkeypatch.setattr(Builder, "_made", wait_then_make)
    index = Index.open(filled)
    index._builder.start()
    assert entered.wait(10)
    checking = threading.Thread(target=lambda: reports.append(index.check(repair=True)), daemon=True)
    checking.start()
    checking.join(0.2)
    go_on.set()
    checking.join(10)
    assert [report.ok for report in reports] == [True]
    index.wait()
    assert len(index) == 68
    index.close()
