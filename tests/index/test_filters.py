"""Filters: any of them leaves what a slow reading of the items leaves, in memory, in a folder and with engines."""

import contextlib
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.index import graph, planner
from keras_similarity.index.engines import APPROXIMATE
from keras_similarity.index.stores.disk import store as disk_store
from oracles.where import combined, satisfies

LABELS = [None, "cat", "dog", 3, 4.5]
VALUES = st.sampled_from([None, True, False, 0, 1, 1.0, -2, 2.5, 2**53 + 1, "", "a", "b", "1", [1], {"x": 1}])
METADATA = st.one_of(st.none(), st.dictionaries(st.sampled_from("pq"), VALUES, max_size=2))
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.5, -2, 2**53, 2**53 + 1, "", "a", "b", "1"])
ORDERED = st.sampled_from([0, 1, 1.5, -2, 2**53, "", "a", "1"])
RANGE = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), ORDERED, min_size=1, max_size=2)
CONDITION = st.one_of(
    SCALARS,
    RANGE,
    st.fixed_dictionaries({"in": st.lists(SCALARS, max_size=3)}),
    st.fixed_dictionaries({"nin": st.lists(SCALARS, max_size=3)}),
    st.fixed_dictionaries({"ne": SCALARS}),
    st.fixed_dictionaries({"exists": st.booleans()}),
)
LABEL_CONDITION = st.sampled_from(
    ["cat", None, {"ne": "cat"}, {"in": ["dog", 3, None]}, {"nin": [3]}, {"exists": True}, {"gt": 3}, {"lt": "d"}]
)
ID_CONDITION = st.sampled_from(
    [
        2,
        "x3",
        {"in": [1, 2, "x5", 77]},
        {"ne": 4},
        {"nin": ["x3"]},
        {"gte": 3},
        {"lt": "x5"},
        {"gt": 2**70},
        2**70,
        True,
    ]
)
FIELDS = st.one_of(
    st.dictionaries(st.sampled_from("pq"), CONDITION, max_size=2),
    st.fixed_dictionaries({"label": LABEL_CONDITION}),
    st.fixed_dictionaries({"id": ID_CONDITION}),
)
WHERE = combined(FIELDS)


SOME_METADATA = st.lists(METADATA, min_size=1, max_size=8)
SOME_FILTERS = st.lists(WHERE, min_size=1, max_size=3)


def items_of(metadata, strings, count=None):
    """What an index is given, as dicts; up to a count, the same metadata again and again with other ids and labels."""
    several = [{"p": 1, "q": 1}, *metadata]  # both fields are known
    return [
        {"id": f"x{row}" if strings and row % 2 else row, "label": LABELS[row % len(LABELS)], "metadata": values}
        for row, values in enumerate(itertools.islice(itertools.cycle(several), count or len(several)))
    ]


def add_items(index, vectors, items):
    columns = {f"{name}s": [item[name] for item in items] for name in ("label", "id")}
    index.add(vectors, metadata=[item["metadata"] for item in items], **columns)


@contextlib.contextmanager
def an_index(store, dim, **settings):
    """An index in memory, or in a folder whose rows are in several segments."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk_store, "SEGMENT_ROWS", 4 if dim == 1 else 100)
        place = "memory" if store == "memory" else Path(folder) / "index"
        with Index(dim, "euclidean", store=place, durability="fast", **settings) as index:
            yield index


@pytest.mark.parametrize(("store", "examples"), [("memory", 100), ("disk", 25)])
def test_filter__any__leaves_what_the_slow_one_leaves(store, examples):
    @settings(deadline=None, max_examples=examples)
    @given(SOME_METADATA, SOME_FILTERS, st.booleans())
    def leaves_what_the_slow_one_leaves(metadata, filters, strings):
        items = items_of(metadata, strings)
        with an_index(store, 1) as index:
            for first in range(0, len(items), 3):
                some = items[first : first + 3]
                add_items(index, np.arange(first, first + len(some))[:, None], some)
            index.remove([1, "x1"])
            del items[1]
            for where in filters:
                expected = [item["id"] for item in items if satisfies(where, item)]
                assert [record.id for record in index.records(where=where)] == expected
                assert index.search([[0.0]], k=9, where=where).ids[0].tolist()[: len(expected)] == expected

    leaves_what_the_slow_one_leaves()


ROWS = 300  # as many as there are codes, or an engine has nothing to learn them from
WITH_ENGINES = [
    pytest.param(store, engine, marks=[] if (store, engine) == ("memory", "faiss") else [pytest.mark.slow])
    for store in ("memory", "disk")
    for engine in APPROXIMATE
]


@pytest.mark.parametrize(("store", "engine"), WITH_ENGINES)
def test_filter__any__with_an_engine__finds_what_it_leaves(store, engine, monkeypatch):
    """An engine finds nothing else, and as much as there is; it is asked wherever a filter leaves enough rows."""
    if engine == "usearch":
        pytest.importorskip("usearch", reason="an extra (usearch); make test-all has it")
    asked, search = [], APPROXIMATE[engine].search
    monkeypatch.setattr(APPROXIMATE[engine], "search", lambda *given: asked.append(given[4]) or search(*given))
    monkeypatch.setattr(planner, "LEAST_ROWS", ROWS)
    monkeypatch.setattr(graph, "FEW_NUMBERS", 0)
    vectors = np.random.default_rng(1).normal(size=(ROWS, 4))

    @settings(deadline=None, max_examples=20)
    @given(SOME_METADATA, SOME_FILTERS, st.booleans())
    def finds_what_it_leaves(metadata, filters, strings):
        items = items_of(metadata, strings, ROWS)
        with an_index(store, 4, engine=engine) as index:
            add_items(index, vectors, items)
            assert index.build().engine == engine
            for where in filters:
                left = {item["id"] for item in items if satisfies(where, item)}
                for neighbors in index.search(vectors[:2], k=3, where=where):
                    found = neighbors.ids.tolist()
                    assert set(found) <= left
                    assert len(set(found)) == len(found) == min(3, len(left))

    finds_what_it_leaves()
    assert any(selection is not None for selection in asked), "no filter left enough rows for the engine"


@pytest.fixture
def shelf():
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0], [2.0]], ["a", "b", "a"], metadata=[{"price": 1}, {"price": 2.5, "size": "m"}, None])
    return index


def test_search__where__finds_only_what_satisfies_it(shelf):
    result = shelf.search([[0.0]], k=3, where={"price": {"gt": 1}})
    assert result.ids.tolist() == [[1, -1, -1]]
    assert result.distances.tolist() == [[1.0, np.inf, np.inf]]


def test_search__field_that_no_item_has__names_it_and_the_known_ones(shelf):
    with pytest.raises(ValueError, match=r"'prize', which no item has.\n  Did you mean 'price'.*'id', 'price', 'size'"):
        shelf.search([[0.0]], where={"prize": 1})


def test_search__where_on_an_empty_index__finds_nothing():
    assert Index(1, "euclidean").search([[0.0]], k=2, where={"price": 1}).ids.tolist() == [[-1, -1]]


def test_search__items_that_came_after_a_filter__are_seen_by_the_next(shelf):
    where = {"price": {"lt": 9}}
    assert len(shelf.search([[0.0]], k=9, where=where)[0]) == 2
    shelf.add([[3.0]], metadata=[{"price": 8}])
    shelf.remove([0])
    assert shelf.search([[0.0]], k=3, where=where).ids.tolist() == [[1, 3, -1]]


def test_search__tuple_label_in_a_filter(shelf):
    shelf.add([[5.0]], [("x", 1)])
    assert shelf.search([[0.0]], k=1, where={"label": ("x", 1)}).ids.tolist() == [[3]]


def test_search__few_of_many_rows_allowed__equals_brute_force(rng):
    gallery, queries = rng.normal(size=(5000, 24)), rng.normal(size=(6, 24))
    group = rng.integers(0, 100, 5000)
    index = Index(24)
    index.add(gallery, metadata=[{"group": int(value)} for value in group])
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    distances = 1 - (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ unit.T
    for limit in (1, 10, 50):
        allowed = np.where(group < limit, distances, np.inf)
        expected = np.sort(allowed, axis=1)[:, :10]
        for part in (queries, queries[:1]):
            found = index.search(part, k=10, where={"group": {"lt": limit}})
            np.testing.assert_allclose(found.distances, expected[: len(part)], atol=1e-6)
            assert (group[found.ids] < limit).all()
