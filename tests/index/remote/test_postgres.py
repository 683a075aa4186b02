"""What an index in PostgreSQL does its own way: the graph, the schema, what the server refuses."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clusters import DIM, clustered, near
from keras_similarity import Index
from keras_similarity.core import pairwise_distances
from keras_similarity.errors import (
    DatabaseError,
    DatabaseTimeoutError,
    IndexFormatError,
    IndexMismatchError,
)
from keras_similarity.index.remote.postgres import filtering, pgvector, prepared, schema, searching, tuning
from oracles.where import as_item, satisfies

COUNT = 1500
DISTANCES = sorted(pgvector.OPERATORS)


@pytest.fixture
def database(postgres):
    return postgres


@pytest.fixture
def graphs_for_few(monkeypatch):
    """Build graphs of few rows, and take them under filters too."""
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    monkeypatch.setattr(filtering, "FEW_ALLOWED", 20)


@pytest.mark.parametrize("storage", ["float32", "float16"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_every_distance__numbers_of_the_definition_and_neighbours(make, rng, graphs_for_few, distance, storage):
    gallery, queries = clustered(rng, COUNT), clustered(rng, 20)
    index, twin = make(DIM, distance, storage=storage), Index(DIM, distance, storage=storage)
    index.add(gallery, labels=np.arange(COUNT) % 7)
    twin.add(gallery, labels=np.arange(COUNT) % 7)
    truth = twin.search(queries, k=10)
    for found in (index.search(queries, k=10), index.build() and index.search(queries, k=10, exact=True)):
        np.testing.assert_allclose(found.distances, truth.distances, rtol=1e-6, atol=1e-7)
        assert (found.ids == truth.ids).mean() > 0.99  # what is equally far but for rounding may change places
    assert index.build().engine == "hnsw"
    found = index.search(queries, k=10)
    kept = gallery.astype(storage)
    expected = np.take_along_axis(pairwise_distances(queries, kept, distance), found.ids, axis=1)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-6, atol=1e-7)
    assert near(found, truth) > 0.97
    assert (np.diff(found.distances, axis=1) >= 0).all()
    alone = index.search(queries[:1], k=10)
    assert near(alone, twin.search(queries[:1], k=10)) > 0.8


def test_graph_under_filters__only_what_they_keep_and_nearly_all_of_it(make, rng, graphs_for_few):
    index = make(DIM)
    index.add(clustered(rng, COUNT), labels=np.arange(COUNT) % 7, metadata=[{"n": n % 100} for n in range(COUNT)])
    assert index.build().engine == "hnsw"
    queries = clustered(rng, 30)
    for where in ({"label": {"in": [0, 2]}}, {"n": 3}, {"n": {"lt": 50}}, {"not": {"label": 1}}):
        found, truth = (index.search(queries, k=10, where=where, exact=exact) for exact in (False, True))
        assert near(found, truth) > 0.97, where
        assert all(satisfies(where, as_item(record)) for record in index.get(np.unique(found.ids)))


def test_rows_far_from_the_query__are_found_behind_the_graphs_reach(make, rng, graphs_for_few):
    centres = np.concatenate([np.zeros((1, DIM)), np.full((1, DIM), 9.0)])
    index = make(DIM, options={"options": "-c hnsw.max_scan_tuples=1"})  # the graph gives up at once
    index.add(centres[np.arange(2000) % 2] + rng.normal(size=(2000, DIM)), labels=["near", "far"] * 1000)
    index.build()
    result = index.search(rng.normal(size=(5, DIM)), k=10, where={"label": "far"})
    assert (result.labels == "far").all()


def test_make_and_open__errors_name_the_way_out(make, postgres):
    index = make()
    with pytest.raises(FileExistsError, match=r"Open it with `Index.open`"):
        Index(8, store=index.store)
    with pytest.raises(FileNotFoundError, match="no index at postgresql://postgres@/postgres"):
        Index.open(postgres.url())
    with pytest.raises(IndexMismatchError, match="compares by euclidean"):
        Index.open(index.store, distance="cosine")
    for settings_, words in (
        (dict(distance="snr"), "`distance` must be one of 'cosine', 'euclidean'"),
        (dict(engine="faiss"), "`engine` must be one of 'auto', 'exact'"),
        (dict(storage="int8"), "`storage` must be one of 'float16', 'float32'"),
        (dict(dim=16_001), "`dim` may be at most 16,000"),
        (dict(durability="none"), "durability"),
    ):
        with pytest.raises(ValueError, match=words):
            Index(**{"dim": 8, "store": postgres.url()} | settings_)
    with pytest.raises(ValueError, match="got one of redis://"):
        Index.open("redis://host/0")


def test_made_by_many_at_once__by_one_of_them_and_the_others_are_told(postgres):
    at_once = threading.Barrier(4)

    def made(url):
        at_once.wait()
        try:
            return Index(3, store=url)
        except Exception as error:
            return error

    with ThreadPoolExecutor(4) as threads:
        for _ in range(50):  # a race of which some meet in the middle of a statement
            outcomes = list(threads.map(made, [postgres.url()] * 4))
            assert sorted(type(outcome).__name__ for outcome in outcomes) == [*["FileExistsError"] * 3, "PostgresIndex"]
            next(outcome for outcome in outcomes if isinstance(outcome, Index)).close()


@pytest.mark.parametrize("end", ["", "_labels", "_state"])
def test_type_of_the_tables_name__is_taken_too(postgres, end):
    """What the server says where another has just made the table, between two looks of one statement."""
    url = postgres.url()
    postgres.execute(f"CREATE DOMAIN {url.rpartition('table=')[2]}{end} AS int")
    with pytest.raises(FileExistsError, match="there is a table already"):
        Index(3, store=url)


def test_wide_rows__stay_with_exact_search(make, rng, monkeypatch):
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    index = make(2001)
    index.add(rng.normal(size=(5, 2001)))
    assert "rows of up to 2,000 numbers" in index.build().reason
    assert index.search(np.ones((1, 2001)), k=9).ids.tolist()[0].count(-1) == 4


def test_recall_that_the_graph_misses__stays_with_exact_search(make, rng, monkeypatch):
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    monkeypatch.setattr(tuning, "EFFORTS", (1,))
    index = make(DIM, recall=1.0)
    index.add(rng.normal(size=(COUNT, DIM)))
    report = index.build()
    assert report.engine == "exact"
    assert report.reason.startswith("the graph finds 0.")


@pytest.mark.parametrize("kind", ["clusters", "normal"])
def test_recall_on_queries_that_are_held_out__is_the_one_asked_for(make, rng, monkeypatch, kind):
    """What they are tuned with is made from the rows, and easier to find than what is not among them."""
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    dim, count = {"clusters": (48, 8000), "normal": (16, 5000)}[kind]
    centres = rng.normal(size=(count // 100, dim)) * (kind == "clusters")
    rows = centres[rng.integers(0, len(centres), count + 500)] + 0.6 * rng.normal(size=(count + 500, dim))
    index = make(dim)
    index.add(rows[500:].astype(np.float32))
    report = index.build()
    queries = rows[:500].astype(np.float32)
    truth = index.search(queries, exact=True)
    assert report.engine == "hnsw"
    assert near(index.search(queries), truth) >= 0.99
    efforts = {}
    for effort in tuning.EFFORTS[: tuning.EFFORTS.index(report.effort) + 1]:
        with monkeypatch.context() as patch:
            patch.setattr(searching.Searcher, "_effort", lambda *arguments, effort=effort: effort)
            index.refresh()  # or it goes on as it has planned
            efforts[effort] = near(index.search(queries), truth)
    least = min(effort for effort, recall in efforts.items() if recall >= 0.99)
    assert report.effort <= 2.5 * least, efforts


def test_build_that_fails_at_its_end__leaves_no_graph(make, rng, monkeypatch, postgres):
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    index = make(DIM)
    index.add(clustered(rng, COUNT))
    table = index.store.rpartition("table=")[2]
    graphs = "SELECT indexname FROM pg_indexes WHERE indexname = %s"

    def ended(connection, *arguments):
        assert connection.execute(graphs, (f"{table}_hnsw",)).fetchall()
        connection.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)")

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "_limits", ended)
        with pytest.raises(DatabaseTimeoutError):
            index.build()
    assert not postgres.execute(graphs, f"{table}_hnsw")
    assert index.describe()["engine"]["engine"] == "exact"
    assert index.build().engine == "hnsw"


def test_schema__newer_is_refused_and_older_is_brought_up_to_date(make, postgres, monkeypatch):
    index = make()
    index.add(np.ones((1, 8)))
    table = index.store.rpartition("table=")[2]
    postgres.execute(f"UPDATE {table}_state SET schema_version = 2")
    with pytest.raises(IndexFormatError, match="of version 2; this release reads versions up to 1"):
        Index.open(index.store)
    postgres.execute(f"UPDATE {table}_state SET schema_version = 0")
    monkeypatch.setitem(schema.MIGRATIONS, 0, ("ALTER TABLE {rows} ADD COLUMN added int DEFAULT 5",))
    with pytest.raises(IndexFormatError, match="Open the index once without read_only"):
        Index.open(index.store, read_only=True)
    with Index.open(index.store) as opened:
        assert len(opened.search(np.ones((1, 8)))[0]) == 1
    assert postgres.execute(f"SELECT schema_version, added FROM {table}_state, {table}") == [(1, 5)]


def test_migration_that_fails__leaves_the_old_version(make, postgres, monkeypatch):
    index = make()
    table = index.store.rpartition("table=")[2]
    postgres.execute(f"UPDATE {table}_state SET schema_version = 0")
    steps = ("ALTER TABLE {rows} ADD COLUMN added int", "ALTER TABLE {rows} ADD COLUMN added int")
    monkeypatch.setitem(schema.MIGRATIONS, 0, steps)
    with pytest.raises(DatabaseError, match="already exists"):
        Index.open(index.store)
    monkeypatch.setitem(schema.MIGRATIONS, 0, ())
    with Index.open(index.store):
        pass
    columns = postgres.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)
    assert ("added",) not in columns


def test_check__finds_what_others_changed_and_repairs_it(filled, postgres):
    index = filled[0]
    table = index.store.rpartition("table=")[2]
    postgres.execute(f"DELETE FROM {table} WHERE id_int = 5")
    postgres.execute(f"DELETE FROM {table}_labels WHERE label = '\"dog\"'")
    report = index.check()
    assert report.problems[0] == "items is 200 in the state, and 199 by the rows"
    assert not report.ok
    assert set(report.lost_records) == {row if row % 3 else f"id {row}" for row in range(1, 200, 5) if row % 7}
    assert index.check(repair=True).repaired
    assert index.check().ok
    assert len(index) == 199


def test_table_in_a_schema__lives_there(postgres):
    postgres.execute("CREATE SCHEMA IF NOT EXISTS shop")
    with Index(3, store=postgres.url("shop.shoes")) as index:
        index.add(np.ones((1, 3)))
    assert postgres.execute("SELECT count(*) FROM shop.shoes") == [(1,)]


def test_dropped_table__is_a_clear_error(make, postgres):
    index = make()
    table = index.store.rpartition("table=")[2]
    postgres.execute(f"DROP TABLE {table}, {table}_state")
    with pytest.raises(DatabaseError, match="not there any more"):
        index.search(np.ones((1, 8)))


def test_single_queries__prepared_for_some_k_and_asked_anew_for_others__find_the_same(make, rng, monkeypatch):
    monkeypatch.setattr(prepared, "MOST_STATEMENTS", 2)
    index, twin = make(DIM), Index(DIM, "euclidean")
    gallery, query = clustered(rng, 60), clustered(rng, 1)
    for each in (index, twin):
        each.add(gallery[:30], labels=["ä", None, 3] * 10, ids=[f"ö{number}" for number in range(30)])
        each.add(gallery[30:], labels=["ä", None, 3] * 10)
    for _ in range(2):
        for k in range(1, 12):
            found, expected = index.search(query, k=k), twin.search(query, k=k)
            assert found.ids.tolist() == expected.ids.tolist()
            assert found.labels.tolist() == expected.labels.tolist()
            np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-6, atol=1e-7)
    assert {len(names) for names in index._searcher._prepared._names.values()} == {2}


def test_single_query__rows_that_the_database_rounds_apart__come_in_the_order_they_were_added(make, rng):
    index, scales = make(DIM, "cosine"), rng.uniform(0.1, 9.0, size=(40, 1))
    index.add(scales * clustered(rng, 1))  # one direction: of one distance, in numbers of more digits than its own
    found = index.search(clustered(rng, 1), k=40)
    assert len(set(found.distances[0].tolist())) == 1
    assert found.ids[0].tolist() == list(range(40))


def test_prepared_statement_that_takes_too_long__is_a_clear_error_and_the_next_search_answers(make, rng):
    index = make(DIM, options={"options": "-c statement_timeout=200"})
    index.add(clustered(rng, 30))
    query = clustered(rng, 1)
    first = index.search(query, k=3)

    def slow(connection):
        connection.execute("BEGIN; LOCK TABLE " + index._tables.rows + " IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseTimeoutError, match="ended a statement"):
            index.search(query, k=3)
        connection.execute("ROLLBACK")

    index._session.read(slow)
    assert index.search(query, k=3).ids.tolist() == first.ids.tolist()
