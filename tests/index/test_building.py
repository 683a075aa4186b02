import logging
import threading
import time

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core import get_distance
from keras_similarity.errors import MissingExtraError
from keras_similarity.index import builder, planner
from keras_similarity.index.planner import Wish, check_memory


@pytest.fixture
def rows(rng):
    centres = rng.normal(size=(40, 16))
    return (centres[rng.integers(0, 40, 3000)] + 0.3 * rng.normal(size=(3000, 16))).astype(np.float32)


def wish(**changes):
    given = {"engine": "auto", "distance": get_distance("cosine"), "storage": "float32", "recall": 0.99, "memory": None}
    return Wish(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "count", "engine", "reason"),
    [
        ({}, 1_000, None, "under 50,000 rows"),
        ({}, 100_000, "faiss", "the quickest for 100,000 rows"),
        ({"memory": 20_000_000}, 100_000, "faiss", "that fits the memory given"),
        ({"memory": 10_000_000}, 100_000, "faiss-ivf", "that fits"),
        ({"memory": 3_000_000}, 100_000, "faiss-pq", "that fits"),
        ({"memory": 1_000_000}, 100_000, "binary", "that fits"),
        ({"memory": 500_000}, 100_000, None, "no approximate engine fits the memory"),
        ({"storage": "int8"}, 20_000, "faiss-int8", "storage='int8'"),
        ({"storage": "binary"}, 20_000, "binary", "storage='binary'"),
        ({"engine": "exact"}, 10**7, None, "asked for"),
        ({"engine": "faiss-ivf"}, 2_000, "faiss-ivf", "asked for"),
        ({"engine": "faiss-ivf"}, 500, None, "nothing is quicker"),
        ({"distance": get_distance("manhattan"), "memory": 10_000_000}, 100_000, None, "fits the memory"),
        ({"distance": get_distance("manhattan"), "storage": "binary"}, 100_000, None, "has the manhattan distance"),
    ],
)
def test_plan(changes, count, engine, reason):
    plan = wish(**changes).plan(count, 64)
    assert (None if plan.engine is None else plan.engine.name) == engine
    assert reason in plan.reason


def test_plan__faiss_not_installed__is_exact(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert wish().plan(100_000, 64).reason == "faiss-cpu is not installed"


@pytest.mark.parametrize(
    ("given", "bytes_"),
    [
        (None, None),
        (0, 0),
        (5, 5),
        ("7", 7),
        ("512 B", 512),
        ("2 kb", 2000),
        ("512 MB", 512_000_000),
        ("1.5GiB", 3 * 2**29),
        ("2 TB", 2 * 10**12),
        ("1 TiB", 2**40),
    ],
)
def test_check_memory(given, bytes_):
    assert check_memory(given) == bytes_


@pytest.mark.parametrize("given", [-1, 1.5, "many", "5 XB", "", True, "1e9"])
def test_check_memory__no_amount__is_named(given):
    with pytest.raises(ValueError, match="`memory` must be a number of bytes"):
        check_memory(given)


@pytest.mark.parametrize("given", [0, 1.1, -0.5, "0.9", None, True, float("nan")])
def test_index__recall_that_is_no_share__is_named(given):
    with pytest.raises(ValueError, match="`recall` must be a share"):
        Index(2, recall=given)


def test_add_never_builds(rows, monkeypatch):
    monkeypatch.setattr(planner, "FEW_ROWS", 1000)
    index = Index(16)
    for part in np.array_split(rows, 30):
        index.add(part)
    assert index.describe()["engine"]["engine"] == "exact"
    assert index.describe()["engine"]["reason"].startswith("`build()` makes 'faiss'")


def test_searches__once_they_cost_as_much_as_a_graph__make_one_behind(rows, monkeypatch):
    monkeypatch.setattr(planner, "FEW_ROWS", 1000)
    monkeypatch.setattr(builder, "ROW_SECONDS", 1e-9)
    index = Index(16)
    index.add(rows)
    truth = index.search(rows[:50], k=10)
    index.search(rows, k=10)
    index._builder.wait()
    assert index.describe()["engine"]["engine"] == "faiss"
    assert np.isin(index.search(rows[:50], k=10).ids, truth.ids).mean() > 0.97


def test_small_index__whatever_is_searched__stays_exact(rows, monkeypatch):
    monkeypatch.setattr(builder, "ROW_SECONDS", 1e-12)
    index = Index(16)
    index.add(rows)
    for _ in range(5):
        index.search(rows, k=10)
    index._builder.wait()
    assert index.describe()["engine"]["engine"] == "exact"


def test_report__recall_is_measured_and_reached(rows, rng):
    index = Index(16, "euclidean", engine="faiss", recall=0.95)
    index.add(rows)
    report = index.build()
    assert (report.rows, report.target, report.sample) == (3000, 0.95, 1024)
    assert 0.95 <= report.recall <= 1
    queries = rows[:500] + 0.1 * rng.normal(size=(500, 16))
    truth = index.search(queries, k=10, exact=True)
    found = np.mean([np.isin(a, b).mean() for a, b in zip(index.search(queries, k=10).ids, truth.ids, strict=True)])
    assert found > 0.93
    thorough = Index(16, "euclidean", engine="faiss", recall=0.999)
    thorough.add(rows)
    assert thorough.build().effort > report.effort


def test_recall_that_cannot_be_reached__auto_stays_exact_and_says_so(rows, monkeypatch, caplog):
    monkeypatch.setattr(planner, "FEW_ROWS", 1000)
    monkeypatch.setattr("keras_similarity.index.graph.measure_recall", lambda *arguments: 0.8)
    index = Index(16)
    index.add(rows)
    with caplog.at_level(logging.WARNING):
        report = index.build()
    assert (report.engine, report.recall) == ("exact", 1.0)
    assert "reached a recall of 0.8000 only" in report.reason
    assert "finds 0.8000 of the nearest neighbours at its best, and 0.9900 were asked for" in caplog.text


def test_recall_that_cannot_be_reached__named_engine_reports_it(rows, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.measure_recall", lambda *arguments: 0.8)
    index = Index(16, engine="faiss")
    index.add(rows)
    assert (index.build().engine, index.build().recall) == ("faiss", 0.8)


def test_removed_rows_pass_a_fifth__graph_is_built_anew_behind(rows):
    index = Index(16, engine="faiss")
    index.add(rows, labels=np.arange(3000))
    index.build()
    index.remove(range(0, 3000, 4))
    index.add(rows[:10] + 5, ids=[f"late {row}" for row in range(10)])
    index.search(rows[:1])
    index._builder.wait()
    state = index.describe()
    assert (state["items"], state["removed"], state["engine"]["rows"]) == (2260, 0, 2260)
    assert index.get([5])[0].label == 5
    assert index.search(rows[5:6], k=1).ids.tolist() == [[5]]
    assert index.search(rows[:1] + 5, k=1).ids.tolist() == [["late 0"]]


def test_changes_during_a_build__are_kept(rows, monkeypatch):
    index = Index(16, engine="faiss")
    index.add(rows, ids=range(3000), metadata=[{"row": row} for row in range(3000)])
    index.remove([1])
    made = builder.Builder._made

    def change_then_make(self, plan, matrix):
        index.remove([7])
        index.add(rows[9:10] + 1, ids=[9], metadata=[{"row": "new"}])
        index.add(rows[:1] + 9, ids=["fresh"])
        return made(self, plan, matrix)

    monkeypatch.setattr(builder.Builder, "_made", change_then_make)
    index.build()
    assert len(index) == 2999
    assert [1 in index, 7 in index, 9 in index, "fresh" in index] == [False, False, True, True]
    assert index.get([9])[0].metadata == {"row": "new"}
    assert [record.metadata["row"] for record in index.get([0, 2, 8, 10, 2999])] == [0, 2, 8, 10, 2999]
    assert index.search(rows[9:10] + 1, k=1, where={"row": "new"}).ids.tolist() == [[9]]
    assert not {1, 7} & set(index.search(rows[:10], k=50).ids.ravel().tolist())


def test_close__stops_a_build(rng):
    index = Index(64, engine="faiss")
    index.add(rng.normal(size=(60_000, 64)))
    index._builder.start()
    time.sleep(0.2)
    index.close()
    assert index.describe()["engine"]["engine"] == "exact"
    assert len(index.search(rng.normal(size=(1, 64)), k=3)[0]) == 3


def test_build_that_fails_behind__leaves_searches_exact_and_says_so(rows, monkeypatch, caplog):
    monkeypatch.setattr(builder.Builder, "_made", lambda *arguments: 1 / 0)
    index = Index(16, engine="faiss")
    index.add(rows)
    index._builder.start()
    index._builder.wait()
    assert "the last build failed" in index.describe()["engine"]["reason"]
    assert "ZeroDivisionError" in caplog.text
    assert len(index.search(rows[:1], k=3)[0]) == 3


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_graph_over_rows_it_can_use__has_no_second_copy_of_them(rows, distance):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    index = Index(16, distance, engine="faiss")
    index.add(unit if distance == "cosine" else rows)
    assert index.build().bytes < 150 * 3000
    assert index.describe()["bytes"] < (150 + 64) * 3000


def test_damaged_graph_in_a_saved_index__is_left_aside(rows, tmp_path, caplog):
    index = Index(16, engine="faiss")
    index.add(rows)
    index.build()
    index.save(tmp_path / "shelf")
    graph = tmp_path / "shelf" / "graph.npy"
    content = graph.read_bytes()
    for damaged in (content[:-1], b"", content[:5000] + b"?" + content[5001:]):
        graph.write_bytes(damaged)
        again = Index.open(tmp_path / "shelf")
        assert again.describe()["engine"]["engine"] == "exact"
        assert np.array_equal(again.search(rows[:5]).ids, index.search(rows[:5], exact=True).ids)
    assert "graph.npy is left aside" in caplog.text


def test_engine_whose_package_is_missing__build_names_it_and_searches_stay_exact(rows, monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda name: (_ for _ in ()).throw(ImportError(f"no {name}")))
    index = Index(16, engine="faiss")
    index.add(rows)
    with pytest.raises(MissingExtraError, match=r"package faiss-cpu: no faiss\.\n  Install it with: pip"):
        index.build()
    index._builder.start()
    index._builder.wait()
    assert "faiss-cpu" in index.describe()["engine"]["reason"]
    assert len(index.search(rows[:1], k=3)[0]) == 3


def test_build__after_close__builds_again(rows):
    index = Index(rows.shape[1], "euclidean", engine="faiss")
    index.add(rows)
    index.close()
    assert index.build().engine == "faiss"


def test_clear__with_a_graph__leaves_an_empty_index_with_its_settings(rows):
    index = Index(rows.shape[1], "euclidean", engine="faiss", storage="float16", recall=0.9)
    index.add(rows, ["a"] * len(rows))
    index.build()
    index.clear()
    described = index.describe()
    assert (described["items"], described["removed"], described["bytes"]) == (0, 0, 0)
    assert (index.settings.storage, index.settings.recall, index.settings.engine) == ("float16", 0.9, "faiss")
    assert index.search(rows[:1], k=2).ids.tolist() == [[-1, -1]]
    assert index.add(rows).tolist() == list(range(len(rows), 2 * len(rows)))
    assert index.build().rows == len(rows)


def test_clear__while_a_graph_is_built_behind__empties_it(rows, monkeypatch):
    index = Index(rows.shape[1], "euclidean", engine="faiss")
    index.add(rows)
    made, begun, cleared = builder.Builder._made, threading.Event(), threading.Event()

    def wait_then_make(self, plan, matrix):
        if plan.engine is not None:
            begun.set()
            cleared.wait(10)
        return made(self, plan, matrix)

    monkeypatch.setattr(builder.Builder, "_made", wait_then_make)
    index._builder.start()
    begun.wait(10)
    threading.Timer(0.1, cleared.set).start()
    index.clear()
    index.wait()
    assert (len(index), index.describe()["engine"]["engine"]) == (0, "exact")
