"""An index in PostgreSQL answers as one in memory does: ids, distances, labels, filters, records, errors."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.core import pairwise_distances
from keras_similarity.errors import (
    DatabaseError,
    IndexFormatError,
    IndexMismatchError,
    ReadOnlyIndexError,
    UnknownIdError,
)
from keras_similarity.index.remote.postgres import filtering, nearest, schema, tuning
from oracles.where import satisfies

COUNT, DIM = 1500, 16
DISTANCES = sorted(nearest.OPERATORS)


def clustered(rng, count):
    centres = np.random.default_rng(5).normal(size=(30, DIM))
    return (centres[rng.integers(0, 30, count)] + 0.4 * rng.normal(size=(count, DIM))).astype(np.float32)


def near(result, truth):
    """The share of found neighbours that are as near as the k-th true one."""
    return float((result.distances <= truth.distances[:, -1:] + 1e-5 * np.abs(truth.distances[:, -1:])).mean())


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


def as_item(record):
    return {"id": record.id, "label": record.label, "metadata": record.metadata}


def test_search__is_that_of_the_index_in_memory(filled, rng):
    index, twin = filled
    queries = rng.normal(size=(5, 8)).astype(np.float32)
    for options in (
        {},
        {"k": 300},
        {"max_distance": 2.5},
        {"exclude": ["id 0", 1, None, 5, "no such"]},
        {"where": {"label": "cat"}, "k": 3},
        {"where": {"n": {"gte": 190}, "even": True}, "k": 20},
        {"where": {"label": {"ne": True}}},
        {"where": {"label": None}},
    ):
        found, truth = (one.search(queries, **options) for one in (index, twin))
        assert found.ids.tolist() == truth.ids.tolist(), options
        assert found.labels.tolist() == truth.labels.tolist(), options
        np.testing.assert_allclose(found.distances, truth.distances, rtol=1e-6)
    assert [(hit.id, hit.data, hit.metadata) for hit in found[0]] == [(t.id, t.data, t.metadata) for t in truth[0]]


def test_many_queries__in_blocks_are_as_one_by_one(filled, rng, monkeypatch):
    monkeypatch.setattr(nearest, "MOST_QUERIES", 4)
    index, twin = filled
    queries = rng.normal(size=(11, 8)).astype(np.float32)
    assert index.search(queries).ids.tolist() == twin.search(queries).ids.tolist()
    assert index.search(queries[:0]).ids.shape == (0, 10)


def test_no_item__no_neighbour(make, rng):
    result = make().search(rng.normal(size=(2, 8)), k=3)
    assert result.ids.tolist() == [[-1] * 3] * 2
    assert np.isinf(result.distances).all()
    assert [len(row) for row in result] == [0, 0]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(
        [2**53, 2**53 + 1, -(2**63), 0.5, -1.5, 1e-300, 1.0, "", "a", "B", "é", "😀", "1", "%s", "'", "a\\u0000"]
    ),
)
STORED = st.one_of(VALUES, st.lists(VALUES, max_size=2), st.dictionaries(st.sampled_from("ab"), VALUES, max_size=1))
FIELDS = st.sampled_from(["a", "b'c", 'd"e%s'])
ORDERED = VALUES.filter(lambda value: isinstance(value, int | float | str) and not isinstance(value, bool))
CONDITION = st.one_of(
    VALUES,
    st.dictionaries(st.sampled_from(["eq", "ne"]), VALUES, min_size=1, max_size=1),
    st.dictionaries(st.sampled_from(["in", "nin"]), st.lists(VALUES, max_size=20), min_size=1, max_size=1),
    st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), ORDERED, min_size=1, max_size=2),
    st.dictionaries(st.just("exists"), st.booleans(), min_size=1, max_size=1),
)
LEAF = st.dictionaries(st.one_of(FIELDS, st.sampled_from(["id", "label"])), CONDITION, max_size=2)
WHERE = st.recursive(
    LEAF,
    lambda part: st.one_of(
        st.fixed_dictionaries({"and": st.lists(part, max_size=2)}),
        st.fixed_dictionaries({"or": st.lists(part, max_size=2)}),
        st.fixed_dictionaries({"not": part}),
    ),
    max_leaves=4,
)
ITEMS = st.lists(st.one_of(st.none(), st.dictionaries(FIELDS, STORED, max_size=3)), min_size=6, max_size=6)
IDS = [1, "1", -3, "é", 2**62, "a"]
LABELS = [None, "a", 1, "B", 0.5, True]


@pytest.fixture
def shelf(make):
    return make(1)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(items=ITEMS, wheres=st.lists(WHERE, min_size=6, max_size=6))
def test_any_filter__keeps_what_it_says(shelf, items, wheres):
    items = [*items[:-1], {"a": 0, "b'c": 0, 'd"e%s': 0}]  # every field is known
    shelf.add(np.ones((6, 1)), LABELS, ids=IDS, metadata=items)
    twin = Index(1, "euclidean")
    twin.add(np.ones((6, 1)), LABELS, ids=IDS, metadata=items)
    for where in wheres:
        expected = [record.id for record in twin.records(where=where)]
        assert [record.id for record in shelf.records(where=where)] == expected, where


def test_where__infinite_bounds_and_ids_beyond_64_bits(filled):
    index, twin = filled
    for where in (
        {"n": {"lt": float("inf")}},
        {"n": {"gt": float("-inf"), "lte": 5}},
        {"n": float("inf")},
        {"id": {"lt": float("inf")}},
        {"id": {"gt": 2**70}},
        {"id": {"in": [2**70, 5, "id 3"]}},
        {"id": {"gte": "id 5"}},
    ):
        kept = [[record.id for record in one.records(where=where)] for one in (index, twin)]
        assert kept[0] == kept[1], where


@pytest.mark.parametrize("where", [{"n": "a\0"}, {"a\0b": 1}, {"label": {"in": ["\ud800"]}}])
def test_where__text_that_no_database_holds__is_an_error(filled, where):
    with pytest.raises(ValueError, match="`where` needs text that a database can hold"):
        filled[0].search(np.ones((1, 8)), where=where)


def test_where__unknown_field__suggests_a_known_one(filled):
    with pytest.raises(ValueError, match=r"'evn', which no item has\.\n  Did you mean 'even'"):
        filled[0].search(np.ones((1, 8)), where={"evn": True})
    with pytest.raises(ValueError, match="which no item has"):
        filled[0].records(where={"evn": True})


def test_values_in_a_filter__are_never_words_of_sql(filled, postgres):
    evil = "'); DROP TABLE items; --"
    index = filled[0]
    assert list(index.records(where={"n": evil})) == []
    assert list(index.records(where={"id": {"in": [evil]}, "label": evil})) == []
    with pytest.raises(ValueError, match="which no item has"):
        index.search(np.ones((1, 8)), where={evil: 1})
    assert len(index) == 200


def test_bad_rows__raise_and_nothing_is_written(filled):
    index = filled[0]
    before = index.generation
    for arguments, error in (
        (dict(embeddings=np.full((1, 8), np.nan)), ValueError),
        (dict(embeddings=np.ones((1, 7))), ValueError),
        (dict(embeddings=np.ones((2, 8)), ids=[1, 1]), ValueError),
        (dict(embeddings=np.ones((1, 8)), ids=[-1]), ValueError),
        (dict(embeddings=np.ones((1, 8)), labels=["a", "b"]), ValueError),
        (dict(embeddings=np.ones((1, 8)), metadata=[{"a": "nul \0"}]), ValueError),
        (dict(embeddings=np.ones((1, 8)), metadata=[{"a": object()}]), TypeError),
    ):
        with pytest.raises(error):
            index.add(**arguments)
    for k in (0, -1, 1.5, 2**70):
        with pytest.raises(ValueError, match="`k`"):
            index.search(np.ones((1, 8)), k=k)
    with pytest.raises(UnknownIdError):
        index.update([1, "no such"], labels=["a", "b"])
    with pytest.raises(UnknownIdError):
        index.get(["no such"])
    assert (index.generation, len(index)) == (before, 200)
    index.add(np.ones((1, 8)), metadata=[{"a": "\\u0000, spelt out"}])


def test_records_and_counts__are_those_of_the_index_in_memory(filled):
    index, twin = filled
    index.remove([1, "id 3", "no such"])
    twin.remove([1, "id 3"])
    index.update(["id 6", 7], labels=None, metadata=[None, {}])
    twin.update(["id 6", 7], labels=None, metadata=[None, {}])
    assert list(index) == list(twin)
    for one, other in zip(index.records(), twin.records(), strict=True):
        assert (one.id, one.label, one.data, one.metadata) == (other.id, other.label, other.data, other.metadata)
        assert type(one.label) is type(other.label)
        assert one.embedding.tolist() == other.embedding.tolist()
    one, other = index.arrays(), twin.arrays()
    assert one.labels == other.labels
    for name in ("ids", "codes", "embeddings"):
        assert getattr(one, name).dtype == getattr(other, name).dtype
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert one.generation == index.generation
    labels = ["cat", 3, ("x", 1), "never seen"]
    assert index.label_counts(labels).tolist() == twin.label_counts(labels).tolist()
    assert (7 in index, "7" in index, 1 in index, True in index, "" in index) == (True, False, False, False, False)
    assert index.check().ok


def test_counter__never_reuses_an_id(make):
    index = make()
    assert index.add(np.ones((2, 8))).tolist() == [0, 1]
    for _ in range(2):  # the second time it replaces the first
        index.add(np.ones((1, 8)), ids=[40])
    assert list(index) == [0, 1, 40]
    index.clear()
    assert index.add(np.ones((1, 8))).tolist() == [41]
    index.add(np.ones((1, 8)), ids=[2**63 - 1])
    with pytest.raises(ValueError, match="`ids` must be given once the counter"):
        index.add(np.ones((1, 8)))
    assert len(index) == 2


def test_saved__opens_in_memory_and_goes_back(filled, tmp_path, make):
    index, _ = filled
    index.snapshot(tmp_path / "copy")
    copy = Index.open(tmp_path / "copy")
    assert list(copy) == list(index)
    again = make()
    records = list(copy.records())
    again.add(
        np.stack([record.embedding for record in records]),
        [record.label for record in records],
        ids=[record.id for record in records],
        data=[record.data for record in records],
        metadata=[record.metadata for record in records],
    )
    assert [record.metadata for record in again.records()] == [record.metadata for record in records]
    with pytest.raises(FileExistsError):
        index.snapshot(tmp_path / "copy")


def test_truncated_embeddings__keep_their_first_numbers(make, rng, tmp_path):
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    index, twin = make(truncate_dim=3), Index(8, "euclidean", truncate_dim=3)
    index.add(vectors), twin.add(vectors)
    assert index.search(vectors[:4]).ids.tolist() == twin.search(vectors[:4]).ids.tolist()
    index.save(tmp_path / "copy")
    assert Index.open(tmp_path / "copy").search(vectors[:4]).ids.tolist() == twin.search(vectors[:4]).ids.tolist()


def test_opened_elsewhere__sees_what_is_written_and_what_is_built(filled, rng, monkeypatch):
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    index, _ = filled
    with Index.open(index.store) as other:
        assert not other.refresh()
        assert (other.dim, str(other.distance), len(other)) == (8, "euclidean", 200)
        index.add(np.full((1, 8), 50.0), ids=["far"], labels=["a new label"])
        assert other.search(np.full((1, 8), 50.0), k=1, where={"label": "a new label"}).ids.tolist() == [["far"]]
        assert index.build().engine == "hnsw"
        assert other.refresh()
        assert other.describe()["engine"]["engine"] == "hnsw"
        assert other.search(np.full((1, 8), 50.0), k=1).labels.tolist() == [["a new label"]]


def test_read_only__refuses_writes(filled):
    with Index.open(filled[0].store, read_only=True) as index:
        assert len(index.search(np.ones((1, 8)))[0]) == 10
        for write in (lambda: index.add(np.ones((1, 8))), lambda: index.remove([1]), index.clear, index.build):
            with pytest.raises(ReadOnlyIndexError, match="was opened to be read"):
                write()


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
