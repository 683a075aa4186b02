"""Any sequence of changes, saves, copies and crashes, against a dict and brute force, for every store and engine."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from clusters import DIM as WIDTH
from clusters import clustered
from contracts import test_engines
from contracts.stores_table import distances_of, run_with, said
from index import test_filters
from index.remote import test_databases, test_distances, test_postgres
from keras_similarity import Index
from keras_similarity.core import pairwise_distances
from keras_similarity.index import graph, planner
from keras_similarity.index.engines import APPROXIMATE, ENGINES, FaissProducts
from keras_similarity.index.remote.milvus import tuning as milvus_tuning
from keras_similarity.index.remote.postgres import tuning as postgres_tuning
from keras_similarity.index.remote.qdrant import searching as qdrant_searching
from keras_similarity.index.stores.disk import store as disk_store
from oracles.where import satisfies

IDS = st.one_of(st.integers(0, 12), st.sampled_from(["a", "b", "c/d", "é", "1"]))
BATCH = st.lists(IDS, min_size=1, max_size=6, unique=True)
LABELS = st.sampled_from([None, "cat", "dog", 3, ("x", 1)])
DATA = st.sampled_from([None, "text", b"\x00\xff", {"a": [1]}, 5, Path("a/b")])
METADATA = st.sampled_from([None, {"n": 1}, {"n": 2, "s": "x"}, {"n": 2.5}, {"s": "y"}])
WHERE = st.sampled_from(
    [{"label": "cat"}, {"n": {"gte": 2}}, {"not": {"s": "x"}}, {"id": {"in": [1, "a", 5]}}, {"label": None}]
)
SEEDS = st.integers(0, 2**32 - 1)
DIM = 3


class IndexIsADict(RuleBasedStateMachine):
    """What an index holds is what a dict would: id -> (vector, label, data, metadata), in the order of the changes."""

    store: str
    engine = "exact"
    server = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.copies = 0
        self.items: dict = {}
        self.counter = 0
        # What a crash of the process leaves is the same without waiting for the disk.
        settings = {"engine": self.engine, "durability": "fast"}
        if self.server is not None:
            self.index = self.server.index(DIM, "euclidean", **settings)
        else:
            place = "memory" if self.store == "memory" else str(self.folder / "index")
            self.index = Index(DIM, "euclidean", store=place, **settings)

    def teardown(self) -> None:
        self.index.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, ids, seed, label, data, metadata):
        vectors = np.random.default_rng(seed).integers(-3, 4, (len(ids), DIM)).astype(np.float32)
        self.index.add(vectors, [label] * len(ids), ids=ids, data=[data] * len(ids), metadata=[metadata] * len(ids))
        for item_id, vector in zip(ids, vectors, strict=True):
            self.items.pop(item_id, None)
            self.items[item_id] = (vector, label, data, metadata)
            if isinstance(item_id, int):
                self.counter = max(self.counter, item_id + 1)

    @rule(ids=BATCH, seed=SEEDS, label=LABELS, data=DATA, metadata=METADATA)
    def add(self, ids, seed, label, data, metadata):
        self.put(ids, seed, label, data, metadata)

    @rule(count=st.integers(1, 4), seed=SEEDS)
    def add_counted(self, count, seed):
        vectors = np.random.default_rng(seed).integers(-3, 4, (count, DIM)).astype(np.float32)
        ids = self.index.add(vectors).tolist()
        assert ids == list(range(self.counter, self.counter + count))
        self.counter += count
        self.items |= {item_id: (vector, None, None, None) for item_id, vector in zip(ids, vectors, strict=True)}

    @rule(ids=BATCH)
    def remove(self, ids):
        assert self.index.remove(ids) == sum(item_id in self.items for item_id in ids)
        for item_id in ids:
            self.items.pop(item_id, None)

    @precondition(lambda self: self.items)
    @rule(data=st.data(), label=LABELS, metadata=METADATA)
    def update(self, data, label, metadata):
        item_id = data.draw(st.sampled_from(list(self.items)))
        self.index.update([item_id], labels=[label], metadata=[metadata])
        vector, _, kept, _ = self.items.pop(item_id)
        self.items[item_id] = (vector, label, kept, metadata)

    @rule()
    def build(self):
        self.index.build()

    @rule()
    def compact(self):
        self.index.compact()

    @rule()
    def save_and_open(self):
        self.index.save(self.folder / "saved")
        saved = Index.open(self.folder / "saved")
        self.check(saved)
        if self.store == "memory":
            self.index = saved

    @rule()
    def snapshot(self):
        target = self.new_folder()
        self.index.snapshot(target)
        copy = Index.open(target, durability="fast")
        self.check(copy)
        if self.server is not None:  # the copy is in a folder
            return
        self.index.close()
        self.index = copy

    @precondition(lambda self: self.store != "memory")
    @rule()
    def close_and_open(self):
        self.index.close()
        self.index = Index.open(self.index.store, durability="fast")

    @precondition(lambda self: self.store == "disk")
    @rule()
    def crash(self):
        """Go on from the files as a killed process would have left them."""
        target = self.new_folder()
        shutil.copytree(self.index.store, target)
        self.index.close()
        self.index = Index.open(target, durability="fast")

    @rule(seed=SEEDS, k=st.integers(1, 9), where=st.one_of(st.none(), WHERE))
    def search(self, seed, k, where):
        queries = np.random.default_rng(seed).normal(size=(2, DIM)).astype(np.float32)
        self.check_search(self.index, queries, k, where)

    @invariant()
    def holds_what_the_dict_holds(self):
        self.check(self.index)

    def new_folder(self):
        self.copies += 1
        return self.folder / f"copy {self.copies}"

    def check(self, index):
        assert list(index) == list(self.items)
        assert index.contains([*range(13), *"abc"]).tolist() == [i in self.items for i in (*range(13), *"abc")]
        for record in index.records():
            vector, label, data, metadata = self.items[record.id]
            assert record.embedding.tolist() == vector.tolist()
            assert (record.label, record.data, record.metadata) == (label, data, metadata)

    def check_search(self, index, queries, k, where):
        records = [{"id": i, "label": label, "metadata": m} for i, (_, label, _, m) in self.items.items()]
        fields = {name for record in records for name in record["metadata"] or {}} | {"id", "label"}
        if where is not None and not set(_fields(where)) <= fields and records:
            with pytest.raises(ValueError, match="which no item has"):
                index.search(queries, k, where=where)
            return
        left = [record["id"] for record in records if where is None or satisfies(where, record)]
        vectors = np.array([self.items[item_id][0] for item_id in left]).reshape(-1, DIM)
        distances = pairwise_distances(queries, vectors, "euclidean")
        found = index.search(queries, k, where=where)
        for row, neighbors in enumerate(found):
            order = np.argsort(distances[row], kind="stable")[:k]
            assert neighbors.ids.tolist() == [left[place] for place in order]
            assert np.allclose(neighbors.distances, distances[row][order], rtol=1e-6)


def _fields(where):
    for key, value in where.items():
        yield from _fields(value) if key == "not" else [key]


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_any_sequence_of_changes__is_a_dict(store, monkeypatch):
    monkeypatch.setattr(disk_store, "SEGMENT_ROWS", 9)  # so that rows go to segments, and segments are merged
    machine = type("Machine", (IndexIsADict,), {"store": store})
    run_state_machine_as_test(machine, settings=SETTINGS)


@pytest.mark.database
@pytest.mark.parametrize("database", ["postgres", "milvus", "qdrant", "qdrant_engine"])
@pytest.mark.parametrize("engine", ["exact", pytest.param("auto", marks=pytest.mark.slow)])
def test_any_sequence_of_changes__in_a_database__is_a_dict(request, database, engine, monkeypatch):
    monkeypatch.setattr(postgres_tuning, "FEW_NUMBERS", 0)  # "auto" builds its graph
    monkeypatch.setattr(milvus_tuning, "FEW_ROWS", 0)
    monkeypatch.setattr(qdrant_searching, "FEW_ALLOWED", 0)
    server = request.getfixturevalue(database)
    machine = type("Machine", (IndexIsADict,), {"store": database, "engine": engine, "server": server})
    examples = {"postgres": 8, "milvus": 4, "qdrant": 8, "qdrant_engine": 8}[database]
    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=examples))


@pytest.mark.slow
@pytest.mark.parametrize("store", ["memory", "disk"])
@pytest.mark.parametrize("engine", APPROXIMATE)
def test_any_sequence_of_changes__with_engines(store, engine, monkeypatch):
    """Engines over so few rows find all of them, or the search falls back on looking at every row."""
    test_engines.require(engine)
    monkeypatch.setattr(disk_store, "SEGMENT_ROWS", 9)
    monkeypatch.setattr(planner, "LEAST_ROWS", 8)
    monkeypatch.setattr(graph, "FEW_NUMBERS", 0)
    # 8 codes for a part of a row instead of 256, which want as many rows to be learned from.
    monkeypatch.setattr(FaissProducts, "_codes", classmethod(lambda cls, dim: "PQ1x3np"))
    machine = type("Machine", (IndexIsADict,), {"store": store, "engine": engine})
    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=8))


NUMBERS = [
    pytest.param(store, engine, distance, marks=[pytest.mark.slow] if engine != "exact" else [])
    for store, engine in [("memory", "exact"), *(("disk", engine) for engine in ENGINES)]
    for distance in distances_of(store, engine)
]


@pytest.mark.parametrize(("store", "engine", "distance"), NUMBERS)
def test_distances__are_those_of_the_definition(store, engine, distance, rng, tmp_path, monkeypatch):
    test_engines.require(engine)
    monkeypatch.setattr(disk_store, "SEGMENT_ROWS", 200)
    monkeypatch.setattr(planner, "LEAST_ROWS", 300)
    monkeypatch.setattr(graph, "FEW_NUMBERS", 0)  # let the engine itself answer
    gallery, queries = clustered(rng, 500), clustered(rng, 20)
    place = "memory" if store == "memory" else tmp_path / "index"
    with Index(WIDTH, distance, engine=engine, store=place, durability="fast") as index:
        for rows in np.split(gallery, [250, 460]):  # of which the last wait for a segment
            index.add(rows)
        assert index.build().engine == engine
        truth = pairwise_distances(queries, gallery, distance)
        for asked in (slice(0, 20), slice(0, 1)):
            found = index.search(queries[asked], k=10)
            expected = np.take_along_axis(truth[asked], found.ids, axis=1)
            np.testing.assert_allclose(found.distances, expected, rtol=1e-6, atol=1e-7)
            if engine == "exact":
                np.testing.assert_allclose(expected, np.sort(truth[asked])[:, :10], rtol=1e-6, atol=1e-7)


def test_table_of_the_page__is_what_the_tests_of_its_columns_are_run_with():
    pair, numbers = ("store", "engine"), ("store", "engine", "distance")
    own = {(store, engine) for store in ("memory", "disk") for engine in ENGINES}
    dicts = (
        run_with(test_any_sequence_of_changes__is_a_dict, pair, engine=["exact"])
        | run_with(test_any_sequence_of_changes__with_engines, pair)
        | run_with(test_any_sequence_of_changes__in_a_database__is_a_dict, pair)
    )
    filters = (
        run_with(test_filters.test_filter__any__leaves_what_the_slow_one_leaves, pair, engine=["exact"])
        | run_with(test_filters.test_filter__any__with_an_engine__finds_what_it_leaves, pair)
        | run_with(test_databases.test_any_filter__keeps_what_it_says, pair, engine=["exact"])
        | run_with(test_databases.test_any_filter__over_a_graph__finds_what_it_leaves, pair, engine=["auto"])
    )
    distances = (
        run_with(test_distances__are_those_of_the_definition, numbers)
        | run_with(
            test_engines.test_distances_are_those_of_the_definition_and_neighbours_are_found, numbers, store=["memory"]
        )
        | run_with(
            test_postgres.test_every_distance__numbers_of_the_definition_and_neighbours,
            numbers,
            store=["postgres"],
            engine=["exact", "auto"],
        )
        | run_with(test_distances.test_every_distance__from_all_rows_and_from_a_graph, numbers)
    )
    assert own < said(0) == dicts
    assert said(1) == filters
    assert {(*one, distance) for one in said(2) for distance in distances_of(*one)} == distances
    assert said(2) == said(0)


SETTINGS = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
