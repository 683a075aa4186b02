"""What an index in Milvus does its own way: its graph, its numbers, its keys, what the server refuses."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters import DIM, clustered, near
from keras_similarity import Index
from keras_similarity.core import get_distance, pairwise_distances
from keras_similarity.errors import DatabaseError, DatabaseTimeoutError, IndexFormatError, IndexMismatchError
from keras_similarity.index.remote.keys import id_key, id_of, int_bounds, value_key
from keras_similarity.index.remote.milvus import nearest, schema, searching, tuning, writing
from keras_similarity.index.remote.milvus.address import Address
from keras_similarity.index.remote.milvus.failures import as_failure
from keras_similarity.index.remote.milvus.lock import TableLock
from keras_similarity.index.remote.milvus.schema import METRICS
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import State, as_ranges
from oracles.where import as_item, satisfies

COUNT = 6000
DISTANCES = sorted(METRICS)


@pytest.fixture
def database(milvus):
    return milvus


@pytest.mark.parametrize("distance", DISTANCES)
def test_every_distance__numbers_of_the_definition_and_neighbours(make, rng, distance):
    gallery, queries = clustered(rng, 500), clustered(rng, 20)
    index, twin = make(DIM, distance), Index(DIM, distance)
    index.add(gallery, labels=np.arange(500) % 7)
    twin.add(gallery, labels=np.arange(500) % 7)
    truth = twin.search(queries, k=10)
    for exact in (False, True):
        found = index.search(queries, k=10, exact=exact)
        np.testing.assert_allclose(found.distances, truth.distances, rtol=1e-5, atol=1e-6)
        assert (found.ids == truth.ids).mean() > 0.99  # what is equally far but for rounding may change places
    assert index.build().engine == "exact"  # Milvus makes no graph of so few


def test_graph__finds_nearly_all_and_under_filters_too(make, rng):
    index = make(DIM, "cosine")
    gallery, queries = clustered(rng, COUNT), clustered(rng, 40)
    index.add(
        gallery,
        labels=np.arange(COUNT) % 100,
        metadata=[{"n": n % 1000, "x": float(v[0])} for n, v in enumerate(gallery)],
    )
    report = index.build()
    assert (report.engine, report.rows) == ("hnsw", COUNT)
    assert report.recall >= 0.99
    expected = pairwise_distances(queries, gallery, "cosine")
    found = index.search(queries, k=10)
    np.testing.assert_allclose(found.distances, np.take_along_axis(expected, found.ids, axis=1), atol=1e-6)
    assert index.describe()["engine"]["engine"] == "hnsw"
    for where in (
        None,
        {"label": 3},
        {"label": {"lt": 6}},
        {"label": {"lt": 9}},
        {"label": {"in": list(range(30))}},
        {"n": {"lt": 100}},
        {"x": {"gt": 0.5}},  # goes with the neighbours
        {"not": {"label": 1}},
    ):
        found, truth = (index.search(queries, k=10, where=where, exact=exact) for exact in (False, True))
        assert near(found, truth) >= (0.98 if where is None else 0.99), where
        np.testing.assert_allclose(found.distances, np.take_along_axis(expected, found.ids, axis=1), atol=1e-6)
        if where is not None:
            assert all(satisfies(where, as_item(record)) for record in index.get(np.unique(found.ids)))


def test_recall_that_the_graph_misses__is_reported(make, rng, monkeypatch):
    monkeypatch.setattr(tuning, "EFFORTS", (16,))
    index = make(DIM, recall=1.0)
    index.add(rng.normal(size=(2000, DIM)))
    report = index.build()
    assert report.effort == 16
    assert (report.reason == "the most that Milvus offers") == (report.recall < 1)


def test_more_neighbours_than_milvus_returns__are_read(make, rng, monkeypatch):
    monkeypatch.setattr(searching, "MOST_LIMIT", 50)
    index, twin = make(), Index(8, "euclidean")
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    index.add(vectors), twin.add(vectors)
    assert index.search(vectors[:3], k=120).ids.tolist() == twin.search(vectors[:3], k=120).ids.tolist()


def test_many_rows_at_one_distance__the_first_added_come_first(make):
    index = make()
    index.add(np.tile(np.eye(8, dtype=np.float32), (40, 1)))
    assert index.search(np.eye(8)[:2], k=5).ids.tolist() == [[0, 8, 16, 24, 32], [1, 9, 17, 25, 33]]


class Hits(list):
    """What pymilvus returns for a query: here the last of eight rows that are equally near first."""

    def __init__(self, limit):
        self.ids = list(range(8))[::-1][:limit]
        self.distances = [1.0] * len(self.ids)
        super().__init__({"entity": {"id": id_key(seq), "label": -1}} for seq in self.ids)


def test_more_rows_at_one_distance_than_were_returned__are_asked_for(monkeypatch):
    monkeypatch.setattr(nearest, "SPARE", 1)
    session = SimpleNamespace(search=lambda queries, condition, limit, *more: [Hits(limit)])
    found = nearest.nearest(session, nearest.Search(get_distance("euclidean"), "", 2, 0), np.ones((1, DIM)))
    assert [found.ids[place] for place in found.positions[0]] == [0, 1]


def test_data_and_metadata__longer_than_milvus_keeps__are_refused_and_nothing_is_written(make):
    index = make()
    index.add(np.ones((1, 8)), data=["x" * 48_000], metadata=[{"text": "y" * 30_000}])
    for beside in (
        {"data": ["x" * 50_000]},
        {"metadata": [{"text": "y" * 40_000}]},
        {"metadata": [{"t": "é" * 40_000}]},
    ):
        with pytest.raises(ValueError, match=r"may take 65,535 bytes a row as Milvus keeps it: row 0 takes"):
            index.add(np.ones((1, 8)), **beside)
    assert len(index) == 1
    record = index.get([0])[0]
    assert (record.data, record.metadata) == ("x" * 48_000, {"text": "y" * 30_000})


def test_replaced_many_times__counts_and_order_are_right(make, rng):
    index = make()
    index.add(rng.normal(size=(50, 8)))
    for _ in range(5):
        chosen = rng.permutation(50)[:20]
        index.add(rng.normal(size=(20, 8)), ids=chosen)
        assert list(index)[-20:] == chosen.tolist()
    assert len(index) == len(set(index)) == 50
    assert index.check().ok


def test_many_labels_and_chunks__are_all_there(make, rng, monkeypatch):
    monkeypatch.setattr(schema, "NOTE_BYTES", 200)
    monkeypatch.setattr(writing, "MOST_ROWS", 30)
    index = make()
    labels = [f"label {number} {'é' * 9}" for number in range(100)]
    index.add(rng.normal(size=(100, 8)), labels)
    index.add(rng.normal(size=(5, 8)), ["a", "b", labels[3], "c", None])
    with Index.open(index.store) as other:
        assert [record.label for record in other.records()] == [*labels, "a", "b", labels[3], "c", None]
    assert index.label_counts([labels[3], "a", "none"]).tolist() == [2, 1, 0]


def test_make_and_open__errors_name_the_way_out(make, milvus):
    index = make()
    with pytest.raises(FileExistsError, match=r"Open it with `Index.open`"):
        Index(8, store=index.store)
    with pytest.raises(FileNotFoundError, match=r"no index at milvus://127\.0\.0\.1"):
        Index.open(milvus.url())
    with pytest.raises(IndexMismatchError, match="compares by euclidean"):
        Index.open(index.store, distance="cosine")
    for settings, words in (
        (dict(distance="manhattan"), "`distance` must be one of 'cosine', 'euclidean', 'inner_product'"),
        (dict(distance="snr"), "in a folder or in memory has every distance"),
        (dict(engine="faiss"), "`engine` must be one of 'auto', 'exact'"),
        (dict(storage="float16"), "`storage` must be one of 'float32'"),
        (dict(dim=32_769), "`dim` may be at most 32,768"),
        (dict(dim=1), "`dim` must be at least 2"),
        (dict(durability="none"), "durability"),
    ):
        with pytest.raises(ValueError, match=words):
            Index(**{"dim": 8, "store": milvus.url()} | settings)


def test_collections_of_others__are_left_alone(milvus, monkeypatch):
    monkeypatch.setattr(schema, "EMPTY_SECONDS", 0.5)
    client = milvus.client()
    client.create_collection("foreign", dimension=4)
    with pytest.raises(FileExistsError, match="there is a collection already"):
        Index(8, store=milvus.url("foreign"))
    with pytest.raises(IndexFormatError, match="holds no index"):
        Index.open(milvus.url("foreign"))
    client.create_partition("foreign", "notes")
    with pytest.raises(IndexFormatError, match="holds no index"):
        Index.open(milvus.url("foreign"))
    assert client.has_collection("foreign")


def test_newer_version__is_refused(make, monkeypatch):
    index = make()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", 2)
        with pytest.raises(IndexFormatError, match="of version 1; this release reads version 2"):
            Index.open(index.store)


def test_check__finds_what_others_changed_and_repairs_it(filled, milvus):
    index = filled[0]
    milvus.client().delete(index._session.table, filter="seq in [5]", partition_name="items")
    assert index.refresh() is False
    report = index.check()
    assert report.problems == ("items is 200 in the state, and 199 by the rows",)
    assert index.check(repair=True).repaired
    assert index.check().ok
    assert len(index) == 199


def test_repair__counts_what_others_wrote_meanwhile(filled, milvus, monkeypatch):
    index = filled[0]
    milvus.client().delete(index._session.table, filter="seq in [5]", partition_name="items")
    assert not index.check().ok
    real, calls = TableLock.take, []

    def take(self):
        if not calls:
            calls.append(1)
            with Index.open(index.store) as other:
                other.add(np.ones((3, 8)))
        return real(self)

    monkeypatch.setattr(TableLock, "take", take)
    assert index.check(repair=True).repaired
    assert len(index) == 202
    assert index.check().ok


def test_dropped_collection__is_a_clear_error(make, milvus):
    index = make()
    index.add(np.ones((1, 8)))
    milvus.client().drop_collection(index._session.table)
    with pytest.raises(DatabaseError, match="not there any more"):
        index.search(np.ones((1, 8)))


def test_words_of_milvus__are_shown_without_secrets_and_not_mistaken():
    pymilvus = pytest.importorskip("pymilvus", reason="an extra (milvus); make test-all has it")
    failed = as_failure(pymilvus.MilvusException(1, "x" * 295 + "s3cret"), "milvus://host?table=x", ("s3cret",))
    assert "s3c" not in str(failed)
    failed = as_failure(pymilvus.MilvusException(100, "collection not found[authors]"), "milvus://host?table=x", ())
    assert "Was the index dropped?" in str(failed)


def test_state_that_cannot_be_read__in_a_table_called_partitions__says_why(milvus, monkeypatch):
    session = Session(Address.parse(milvus.url("partitions")))

    def late(*arguments, **options):
        raise DatabaseTimeoutError(f"Milvus did not answer for {session.shown}")

    monkeypatch.setattr(session, "query", late)
    with pytest.raises(DatabaseTimeoutError):
        schema.read_state(session)
    session.close()


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70)
)


@given(NUMBERS, NUMBERS)
def test_keys_of_numbers__are_in_their_order(one, other):
    if all(isinstance(value, float) or -(2**63) <= value < 2**63 for value in (one, other)) or type(one) is float:
        assert (value_key(one) < value_key(other)) == (one < other)
        assert (value_key(one) == value_key(other)) == (one == other)


@given(st.text(), st.text())
def test_keys_of_text__are_in_the_order_of_code_points(one, other):
    assert (value_key(one) < value_key(other)) == (one < other)


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(min_size=1)))
def test_keys_of_ids__come_back(value):
    assert id_of(id_key(value)) == value
    assert type(id_of(id_key(value))) is type(value)


@given(st.sampled_from(["lt", "lte", "gt", "gte"]), NUMBERS, st.integers(-(2**63), 2**63 - 1))
def test_bounds_of_ints__are_those_of_the_comparison(operation, bound, value):
    least, most = int_bounds(operation, bound)
    holds = {"lt": value < bound, "lte": value <= bound, "gt": value > bound, "gte": value >= bound}[operation]
    assert (least <= value <= most) == holds
    assert int_bounds("lt", math.inf) == (-(2**63), 2**63 - 1)


@given(st.sets(st.integers(0, 60)), st.integers(0, 30), st.integers(30, 70))
def test_state__comes_back_and_counts_what_it_says(gone, first, stop):
    state = State({}, first_seq=first, next_seq=stop, gone=as_ranges(gone))
    assert State.from_text(state.to_text(1)) == state
    every = np.arange(80)
    assert every[state.counts(every)].tolist() == [seq for seq in range(first, stop) if seq not in gone]


def test_state__more_gone_than_there_is_room_for__is_refused():
    scattered = State({}, next_seq=10**9, gone=as_ranges(np.random.default_rng(0).integers(0, 10**9, 40_000)))
    with pytest.raises(ValueError, match="pass fewer ids at a time"):
        scattered.to_text(1)
