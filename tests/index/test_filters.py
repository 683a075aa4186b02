import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_similarity import Index
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


@settings(deadline=None)
@given(st.lists(METADATA, min_size=1, max_size=8), st.lists(WHERE, min_size=1, max_size=3), st.booleans())
def test_filter__any__leaves_what_the_slow_one_leaves(metadata, filters, strings):
    index, items = Index(1, "euclidean"), []
    for number, values in enumerate([{"p": 1, "q": 1}, *metadata]):  # both fields are known
        item_id = f"x{number}" if strings and number % 2 else number
        label = LABELS[number % len(LABELS)]
        index.add([[number]], [label], ids=[item_id], metadata=[values])
        items.append({"id": item_id, "label": label, "metadata": values})
    index.remove([1, "x1"])
    del items[1]
    for where in filters:
        expected = [item["id"] for item in items if satisfies(where, item)]
        assert [record.id for record in index.records(where=where)] == expected
        assert index.search([[0.0]], k=9, where=where).ids[0].tolist()[: len(expected)] == expected


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
