import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_similarity import Index
from keras_similarity.core import distance_names, pairwise_distances
from keras_similarity.errors import UnknownIdError


@pytest.fixture
def filled(rng):
    index = Index(dim=6, distance="euclidean")
    index.add(rng.normal(size=(50, 6)), labels=[f"class {row % 5}" for row in range(50)], data=list(range(50)))
    return index


def brute_force(gallery, queries, k, distance):
    distances = pairwise_distances(queries, gallery, distance)
    rows = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(distances, rows, axis=1)


@pytest.mark.parametrize("count", [30, 5000])
@pytest.mark.parametrize("distance", distance_names())
def test_search_equals_brute_force(distance, count, rng):
    gallery, queries = rng.normal(size=(count, 24)) * 2, rng.normal(size=(7, 24))
    gallery[3] = gallery[1]
    queries[0] = gallery[1]
    index = Index(24, distance)
    index.add(gallery)
    result = index.search(queries, k=12)
    rows, distances = brute_force(gallery, queries, 12, distance)
    np.testing.assert_allclose(result.distances, distances, rtol=1e-5, atol=1e-5)
    assert (result.ids == rows).mean() > 0.99  # rounding may swap near ties


def test_search__copy_of_an_item__is_at_distance_0(filled):
    copies = np.stack([record.embedding for record in filled.get([17, 5, 30])])
    assert filled.search(copies[:1], k=1).distances[0, 0] == 0.0
    assert filled.search(copies, k=1).distances.tolist() == [[0.0]] * 3


def test_search__k_beyond_the_index__pads_with_missing_neighbours():
    index = Index(2, "euclidean")
    index.add([[0, 0], [3, 4]], labels=["a", "b"])
    result = index.search([[0, 0]], k=4)
    assert result.ids.tolist() == [[0, 1, -1, -1]]
    assert result.distances.tolist() == [[0.0, 5.0, np.inf, np.inf]]
    assert result.labels.tolist() == [["a", "b", None, None]]
    assert [lookup.label for lookup in result[0]] == ["a", "b"]


def test_search__empty_index__gives_an_empty_list():
    result = Index(3).search(np.eye(3), k=2)
    assert result.ids.tolist() == [[-1, -1]] * 3
    assert [list(neighbors) for neighbors in result] == [[], [], []]


def test_search__equal_distances__come_in_the_order_they_were_added():
    index = Index(1, "euclidean")
    index.add([[1.0]] * 200)
    assert index.search([[0.0]], k=5).ids.tolist() == [[0, 1, 2, 3, 4]]


def test_lookup_carries_rank_distance_label_id_embedding_data_and_metadata():
    index = Index(2, "euclidean")
    index.add([[3, 4]], labels=["far"], ids=["x"], data=[b"bytes"], metadata=[{"price": 3}])
    lookup = index.search([[0, 0]], k=1)[0][0]
    assert (lookup.rank, lookup.distance, lookup.label, lookup.id) == (1, 5.0, "far", "x")
    assert (lookup.embedding.tolist(), lookup.data, lookup.metadata) == ([3.0, 4.0], b"bytes", {"price": 3})


def test_add__string_id_among_ints__makes_ids_objects_and_keeps_1_and_1_apart():
    index = Index(1, "euclidean")
    index.add([[0.0]], ids=[1])
    index.add([[1.0]], ids=["1"])
    result = index.search([[0.0]], k=3)
    assert result.ids.tolist() == [[1, "1", None]]
    assert len(index) == 2


def test_add__id_that_is_there__replaces_the_item(filled):
    filled.add(np.zeros((1, 6)), labels=["new"], ids=[7])
    assert len(filled) == 50
    assert filled.get([7])[0].label == "new"
    assert filled.search(np.zeros((1, 6)), k=1)[0][0].id == 7


def test_add__without_ids_after_own_ids__counts_on_and_never_reuses():
    index = Index(1, "euclidean")
    index.add([[0.0]], ids=[41])
    index.add([[0.0]], ids=[3])
    index.remove([41])
    assert index.add([[0.0]]).tolist() == [42]


def test_add__nothing__does_nothing():
    index = Index(4)
    assert index.add([]).tolist() == []
    assert index.add(np.empty((0, 4)), labels=[], data=[]).tolist() == []
    assert len(index) == 0


def test_remove__gone_from_results_and_counted(filled):
    nearest = filled.search(np.zeros((1, 6)), k=3).ids[0].tolist()
    assert filled.remove([nearest[0], 999]) == 1
    assert filled.search(np.zeros((1, 6)), k=2).ids[0].tolist() == nearest[1:]
    assert nearest[0] not in filled
    assert len(filled) == 49


def test_remove_everything__then_search__is_empty(filled):
    filled.remove(range(50))
    assert list(filled.search(np.zeros((1, 6)), k=2)[0]) == []


def test_get__unknown_id__is_a_key_error_that_names_it(filled):
    with pytest.raises(UnknownIdError, match="no item with id 50") as caught:
        filled.get([3, 50])
    assert isinstance(caught.value, KeyError)


def test_label_counts__counts_live_items(filled):
    filled.remove([0])
    assert filled.label_counts(["class 0", "class 1", "other"]).tolist() == [9, 10, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"embeddings": [[1.0, np.nan]]}, ValueError, "row 0 holds nan"),
        ({"embeddings": [[1.0, 2.0]], "labels": [1, 2]}, ValueError, "got 2 entries for 1 rows"),
        ({"embeddings": [[1.0, 2.0]], "data": [1, 2]}, ValueError, "`data` needs one entry per row"),
        ({"embeddings": [[1.0, 2.0]], "ids": [1.5]}, TypeError, "`ids` needs ints or strings: row 0 is 1.5"),
        ({"embeddings": [[1.0, 2.0]], "ids": [True]}, TypeError, "row 0 is True"),
        ({"embeddings": [[1.0, 2.0]], "ids": [-1]}, ValueError, "other than -1"),
        ({"embeddings": [[1.0, 2.0]], "ids": [2**63]}, ValueError, "whole numbers of 64 bits"),
        ({"embeddings": [[1.0, 2.0]] * 2, "ids": ["a", "a"]}, ValueError, "'a' is there twice"),
        ({"embeddings": [[1.0, 2.0]], "data": [object()]}, TypeError, "row 0 is a object"),
        ({"embeddings": [[1.0, 2.0]], "labels": [frozenset()]}, TypeError, "row 0 is frozenset"),
        ({"embeddings": [[0.0, 0.0]]}, ValueError, "row 0 is all zeros"),
        ({"embeddings": [[1.0, 2.0, 3.0]]}, ValueError, r"shape \(n, 2\)"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_add__bad_input__raises_and_changes_nothing(arguments, error, message):
    index = Index(2)
    index.add([[1.0, 0.0]], labels=["kept"], ids=["a"])
    with pytest.raises(error, match=message):
        index.add(**arguments)
    assert len(index) == 1
    assert index.get(["a"])[0].label == "kept"
    assert index.search([[1.0, 0.0]], k=2).labels.tolist() == [["kept", None]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance": "cosin"}, "Did you mean 'cosine'"),
        ({"engine": "annoy"}, "`engine` must be one of 'auto', 'binary', 'exact', .*: got 'annoy'"),
        ({"store": "redis://localhost"}, '`store` must be a folder, "memory" or a URL of .*: got one of redis://'),
        ({"dim": 0}, "`dim` must be a whole number of at least 1: got 0"),
    ],
)
def test_index__unknown_name__lists_the_known_ones(arguments, message):
    with pytest.raises(ValueError, match=message):
        Index(**({"dim": 2} | arguments))


def test_update__label_alone__keeps_embedding_data_and_metadata(filled):
    filled.update([7], metadata=[{"n": 1}])
    before = filled.get([7])[0]
    filled.update([7], labels=["new"])
    after = filled.get([7])[0]
    assert (after.label, after.data, after.metadata, len(filled)) == ("new", 7, {"n": 1}, 50)
    assert np.array_equal(after.embedding, before.embedding)
    assert filled.label_counts(["new", "class 2"]).tolist() == [1, 9]


def test_update__embedding__moves_the_item(filled):
    filled.update([7, 9], np.repeat([[1.0], [2.0]], 6, axis=1))
    assert filled.search(np.zeros((1, 6)) + 2, k=1)[0][0].id == 9
    assert filled.get([9])[0].data == 9


def test_update__none__takes_away(filled):
    filled.update([7], labels=None, data=None)
    assert (filled.get([7])[0].label, filled.get([7])[0].data) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"ids": [7, 77], "labels": ["a", "b"]}, UnknownIdError),
        ({"ids": [7], "labels": ["a", "b"]}, ValueError),
        ({"ids": [7], "embeddings": np.zeros((2, 6)) + 1}, ValueError),
        ({"ids": [7], "embeddings": [[np.nan] * 6]}, ValueError),
        ({"ids": [7], "data": [object()]}, TypeError),
    ],
    ids=["unknown id", "labels", "embeddings", "nan", "object"],
)
def test_update__bad_input__changes_nothing(filled, arguments, error):
    before = list(filled.records())
    with pytest.raises(error):
        filled.update(**arguments)
    assert [(r.id, r.label, r.data) for r in filled.records()] == [(r.id, r.label, r.data) for r in before]


def test_arrays__are_the_live_items_in_the_order_they_were_added(filled):
    filled.remove([7, 20])
    filled.add(np.ones((2, 6)), ["new", None], ids=["a name", 99])
    arrays = filled.arrays()
    ids = [row for row in range(50) if row not in (7, 20)] + ["a name", 99]
    assert arrays.ids.tolist() == ids
    records = filled.get(ids)
    assert [arrays.labels[code] if code >= 0 else None for code in arrays.codes] == [one.label for one in records]
    assert np.array_equal(arrays.embeddings, np.stack([one.embedding for one in records]))
    assert arrays.generation == filled.generation


def test_arrays__of_an_empty_index__have_no_rows():
    arrays = Index(dim=6).arrays()
    assert arrays.embeddings.shape == (0, 6)
    assert len(arrays.ids) == len(arrays.codes) == 0


def test_iteration__gives_ids_in_the_order_they_were_added(filled):
    filled.remove([3])
    filled.add(np.ones((1, 6)), ids=["new"])
    filled.update([0], labels=["later"])
    assert list(filled) == [1, 2, *range(4, 50), "new", 0]
    assert [record.id for record in filled.records()] == list(filled)


def test_search__max_distance__cuts_what_is_farther():
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0], [2.0], [5.0]], labels=list("abcd"))
    result = index.search([[0.0], [5.0], [9.0]], k=3, max_distance=2)
    assert result.ids.tolist() == [[0, 1, 2], [3, -1, -1], [-1, -1, -1]]
    assert result.labels.tolist() == [["a", "b", "c"], ["d", None, None], [None, None, None]]
    assert [len(neighbors) for neighbors in result] == [3, 1, 0]


@pytest.mark.parametrize("limit", ["2", float("nan"), True, [1]])
def test_search__bad_max_distance__is_named(filled, limit):
    with pytest.raises(ValueError, match="`max_distance` must be a number"):
        filled.search(np.zeros((1, 6)), max_distance=limit)


def test_search__exclude__drops_that_item_alone(filled):
    ids = [3, 17, 40]
    queries = np.stack([record.embedding for record in filled.get(ids)])
    whole = filled.search(queries, k=6)
    found = filled.search(queries, k=5, exclude=[3, None, 41])
    assert found.ids[0].tolist() == whole.ids[0].tolist()[1:]
    assert found.ids[1].tolist() == whole.ids[1].tolist()[:5]
    assert 41 not in found.ids[2]
    assert found.ids.shape == (3, 5)


def test_search__exclude_everything_there_is__is_empty():
    index = Index(1, "euclidean")
    index.add([[0.0]], ids=["a"])
    assert index.search([[0.0]], k=2, exclude=["a"]).ids.tolist() == [[None, None]]
    assert index.search([[0.0]], k=2, exclude=["b"]).ids.tolist() == [["a", None]]


@pytest.mark.parametrize("excluded", [None, "nobody"])
def test_search__nothing_to_exclude_among_fewer_than_k_neighbours__gives_them(excluded):
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0], [2.0]], ["near", "far", "far"], ids=["a", "b", "c"])
    found = index.search([[0.0]], k=3, where={"label": "near"}, exclude=[excluded])
    assert found.ids.tolist() == [["a", None, None]]


def test_search__exclude_of_another_length__is_named(filled):
    with pytest.raises(ValueError, match="`exclude` needs one entry per row of `queries`"):
        filled.search(np.zeros((2, 6)), exclude=[1])


def test_search__more_queries_than_a_block__equals_one_by_one(rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.readable.QUERY_BLOCK", 7)
    index = Index(3)
    index.add(rng.normal(size=(40, 3)))
    queries = rng.normal(size=(23, 3))
    assert index.search(queries, k=4).ids.tolist() == [index.search(q[None], k=4).ids[0].tolist() for q in queries]


@pytest.mark.parametrize("distance", distance_names())
def test_storage_float16__finds_what_its_rounded_rows_say(distance, rng):
    gallery, queries = rng.normal(size=(3000, 24)), rng.normal(size=(5, 24))
    index = Index(24, distance, storage="float16")
    index.add(gallery)
    halves = gallery.astype(np.float16).astype(np.float64)
    _, expected = brute_force(halves, queries.astype(np.float32), 12, distance)
    np.testing.assert_allclose(index.search(queries, k=12).distances, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(index.search(queries[:1], k=12).distances, expected[:1], rtol=1e-5, atol=1e-5)
    assert np.array_equal(index.get([5])[0].embedding, halves[5])


def test_storage_float16__number_it_cannot_hold__is_named():
    with pytest.raises(ValueError, match=r"up to 65504 for storage='float16': row 1 holds 70000"):
        Index(2, "euclidean", storage="float16").add([[1, 2], [3, -70000]])


def test_storage_float16__row_it_rounds_to_zero__has_no_direction():
    with pytest.raises(ValueError, match="row 0 is all zeros"):
        Index(2, storage="float16").add([[1e-9, 1e-9]])


def test_truncate_dim__compares_the_first_numbers(rng):
    gallery, queries = rng.normal(size=(200, 24)), rng.normal(size=(5, 24))
    index = Index(24, truncate_dim=8)
    index.add(gallery)
    rows, distances = brute_force(gallery[:, :8], queries[:, :8], 3, "cosine")
    found = index.search(queries, k=3)
    assert found.ids.tolist() == rows.tolist()
    np.testing.assert_allclose(found.distances, distances, atol=1e-6)
    assert index.get([0])[0].embedding.shape == (8,)


@pytest.mark.parametrize("width", [0, 25, 2.0])
def test_truncate_dim__out_of_range__is_named(width):
    with pytest.raises(ValueError, match="`truncate_dim` must be"):
        Index(24, truncate_dim=width)


def test_search__while_other_threads_add_and_remove__is_whole(rng):
    index = Index(4, "euclidean")
    index.add(np.zeros((100, 4)), ["old"] * 100, ids=range(100), data=["old"] * 100)
    stop, wrong = threading.Event(), []

    def replace():
        for round_ in range(60):
            label = f"round {round_}"
            index.add(np.full((100, 4), round_ % 3), [label] * 100, ids=range(100), data=[label] * 100)
        stop.set()

    def look():
        while not stop.is_set():
            result = index.search(np.zeros((2, 4)), k=100)
            if len(set(result.labels[0].tolist())) != 1 or set(result.ids[1].tolist()) != set(range(100)):
                wrong.append(result)
            if result[0][50].data != result.labels[0, 50]:
                wrong.append(result)

    threads = [threading.Thread(target=work) for work in (replace, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(index) == 100


def test_stored_data_cannot_be_changed_through_a_result(filled):
    filled.add(np.ones((1, 6)), ids=["a"], data=np.zeros((1, 2)), metadata=[{"tags": ["x"]}])
    lookup = filled.search(np.ones((1, 6)), k=1)[0][0]
    lookup.metadata["tags"].append("y")
    lookup.embedding[:] = 9
    with pytest.raises(ValueError, match="read-only"):
        lookup.data[0] = 5
    again = filled.get(["a"])[0]
    assert (again.metadata, again.embedding.tolist()) == ({"tags": ["x"]}, [1.0] * 6)


@given(st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 7), st.integers(-3, 3)), max_size=30))
def test_index__any_sequence_of_adds_and_removes__is_a_dict(steps):
    index, model = Index(1, "euclidean"), {}
    for action, item_id, value in steps:
        if action == "add":
            index.add([[value]], labels=[value], ids=[item_id])
            model.pop(item_id, None)  # an id added again is the newest
            model[item_id] = value
        else:
            assert index.remove([item_id]) == (model.pop(item_id, None) is not None)
    found = index.search([[0.5]], k=8)[0]
    expected = sorted(model, key=lambda key: (abs(model[key] - 0.5), list(model).index(key)))
    assert [lookup.id for lookup in found] == expected
    assert [lookup.label for lookup in found] == [model[key] for key in expected]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_search__clusters_tighter_than_float32_products_can_tell__is_still_exact(distance, rng):
    centres = rng.normal(size=(8, 32))
    gallery = (centres[rng.integers(0, 8, 4000)] + 1e-4 * rng.normal(size=(4000, 32))).astype(np.float32)
    queries = (centres + 1e-4 * rng.normal(size=(8, 32))).astype(np.float32)
    index = Index(32, distance)
    index.add(gallery)
    _, expected = brute_force(gallery, queries, 10, distance)
    np.testing.assert_allclose(index.search(queries, k=10).distances, expected, rtol=1e-4)
    for row, query in enumerate(queries):
        np.testing.assert_allclose(index.search(query[None], k=10).distances[0], expected[row], rtol=1e-4)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("queries", [1, 5])
def test_search__thousands_of_equal_rows__come_in_the_order_they_were_added(distance, queries, rng):
    index = Index(24, distance)
    index.add(np.repeat(rng.normal(size=(1, 24)), 5003, axis=0))
    assert (index.search(rng.normal(size=(queries, 24)), k=10).ids == np.arange(10)).all()
