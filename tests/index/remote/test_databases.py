"""An index in any database answers as one in memory does: ids, distances, labels, filters, records, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.errors import ReadOnlyIndexError, UnknownIdError
from keras_similarity.index.remote.milvus import nearest as milvus_nearest
from keras_similarity.index.remote.milvus import tuning as milvus_tuning
from keras_similarity.index.remote.postgres import filtering as postgres_filtering
from keras_similarity.index.remote.postgres import nearest as postgres_nearest
from keras_similarity.index.remote.postgres import tuning as postgres_tuning
from keras_similarity.index.remote.qdrant import searching as qdrant_searching
from oracles.where import combined

DIM = 8


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
    for module in (milvus_nearest, postgres_nearest, qdrant_searching):
        monkeypatch.setattr(module, "MOST_QUERIES", 4)
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
WHERE = combined(LEAF)
ITEMS = st.lists(st.one_of(st.none(), st.dictionaries(FIELDS, STORED, max_size=3)), min_size=6, max_size=6)
IDS = [1, "1", -3, "é", 2**62, "a"]
LABELS = [None, "a", 1, "B", 0.5, True]


@pytest.mark.parametrize("database", ["postgres", "milvus", "qdrant", "qdrant_engine"], indirect=True)
def test_any_filter__keeps_what_it_says(make):
    shelf = make(2, engine="exact")

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(items=ITEMS, wheres=st.lists(WHERE, min_size=6, max_size=6))
    def keeps_what_it_says(items, wheres):
        items = [*items[:-1], {"a": 0, "b'c": 0, 'd"e%s': 0}]  # every field is known
        shelf.add(np.ones((6, 2)), LABELS, ids=IDS, metadata=items)
        twin = Index(2, "euclidean")
        twin.add(np.ones((6, 2)), LABELS, ids=IDS, metadata=items)
        for where in wheres:
            expected = [record.id for record in twin.records(where=where)]
            assert [record.id for record in shelf.records(where=where)] == expected, where
        assert shelf.search(np.ones((1, 2)), k=6, where=where)[0].ids.tolist() == expected, where

    keeps_what_it_says()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgres", "milvus", "qdrant_engine"], indirect=True)
def test_any_filter__over_a_graph__finds_what_it_leaves(make, rng, monkeypatch):
    monkeypatch.setattr(postgres_tuning, "FEW_NUMBERS", 0)
    monkeypatch.setattr(postgres_filtering, "FEW_ALLOWED", 0)
    monkeypatch.setattr(qdrant_searching, "FEW_ALLOWED", 0)
    some = [None, True, 0, -1.5, 2**53 + 1, "", "B", "é", [1], {"a": 1}]
    vectors, indexes = rng.normal(size=(2000, DIM)), (make(), Index(DIM, "euclidean"))
    for index in indexes:
        index.add(
            vectors,
            [LABELS[row % 6] for row in range(2000)],
            metadata=[{"a": some[row % 10], "b'c": some[row % 7], 'd"e%s': row % 5 - 2} for row in range(2000)],
        )
    assert indexes[0].build().engine == "hnsw"

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(WHERE)
    def finds_what_it_leaves(where):
        left = {record.id for record in indexes[1].records(where=where)}
        for neighbors in indexes[0].search(vectors[:3], k=5, where=where):
            found = neighbors.ids.tolist()
            assert set(found) <= left
            assert len(set(found)) == len(found) == min(5, len(left))

    finds_what_it_leaves()


BOUNDS = [-(2**63), -1.5, 0, 2, 2.5, 2**53 - 1, 2**53, 2**53 + 1, 2.0**53, 2**63 - 1, "", "a", "ab", "b", "é", "😀"]
SOME_IDS = [-(2**63), 0, 2, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, "a", "ab", "b", "é", "😀", "1", 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("operation", ["gt", "gte", "lt", "lte"])
def test_ranges__of_large_numbers_and_of_text(make, operation):
    values = [*BOUNDS, True, None, [1]]
    index, twin = make(2), Index(2, "euclidean")
    for one in (index, twin):
        one.add(np.ones((len(values), 2)), ids=SOME_IDS, metadata=[{"a": value} for value in values])
    for bound in BOUNDS:
        for where in ({"a": {operation: bound}}, {"id": {operation: bound}}, {"not": {"a": {operation: bound}}}):
            kept = [[record.id for record in one.records(where=where)] for one in (index, twin)]
            assert kept[0] == kept[1], where


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


@pytest.mark.parametrize("evil", ["'); DROP TABLE items; --", '"] or seq >= 0 or id in ["', "\\", "a'b\"c"])
def test_values_in_a_filter__are_never_words_of_the_database(filled, evil):
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
    asked = [7, "id 6", 1, "no such", 7, None, True, ""]
    assert index.contains(asked).tolist() == twin.contains(asked).tolist()
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
    monkeypatch.setattr(postgres_tuning, "FEW_NUMBERS", 0)
    monkeypatch.setattr(milvus_tuning, "FEW_ROWS", 0)
    monkeypatch.setattr(qdrant_searching, "FEW_ALLOWED", 0)
    index, _ = filled
    with Index.open(index.store) as other:
        assert not other.refresh()
        assert (other.dim, str(other.distance), len(other)) == (8, "euclidean", 200)
        index.add(np.full((1, 8), 50.0), ids=["far"], labels=["a new label"])
        other.refresh()  # PostgreSQL shows it without
        assert other.search(np.full((1, 8), 50.0), k=1, where={"label": "a new label"}).ids.tolist() == [["far"]]
        built = "exact" if index.store.startswith("qdrant:///") else "hnsw"  # a folder has no graph
        assert index.build().engine == built
        assert other.refresh()
        assert other.describe()["engine"]["engine"] == built
        assert other.search(np.full((1, 8), 50.0), k=1).labels.tolist() == [["a new label"]]


def test_read_only__refuses_writes(filled):
    with Index.open(filled[0].store, read_only=True) as index:
        assert len(index.search(np.ones((1, 8)))[0]) == 10
        for write in (lambda: index.add(np.ones((1, 8))), lambda: index.remove([1]), index.clear, index.build):
            with pytest.raises(ReadOnlyIndexError, match="was opened to be read"):
                write()
