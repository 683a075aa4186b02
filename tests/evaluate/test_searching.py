import functools

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.evaluate import find_labeled, index_recall, retrieval_report
from keras_similarity.evaluate.searching import as_query_ids, search_others, search_without

INDEXED = 40_000  # rows: fewer are searched exactly, whatever the engine


@pytest.fixture(params=["int ids and labels", "strings"])
def index(request, rng):
    """40 items of 4 labels, some of them at the same place."""
    index = Index(2, "euclidean")
    labels = rng.integers(0, 4, 40)
    strings = request.param == "strings"
    ids = [f"i{row}" for row in range(40)] if strings else np.arange(100, 140)
    index.add(rng.integers(0, 6, (40, 2)), [f"label {c}" for c in labels] if strings else labels, ids=ids)
    return index


def rows_of(result):
    return [[(n.id, n.label, n.distance) for n in neighbors] for neighbors in result]


def test_search_others__own_items__are_never_returned(index):
    everything = index.search(np.zeros((1, 2)), k=40)[0]
    own = [item.id for item in everything][:9]
    queries = np.stack([record.embedding for record in index.get(own)])
    result = search_others(index, queries, 5, as_query_ids(own, 9))
    for query, row, item in zip(queries, rows_of(result), own, strict=True):
        full = rows_of(index.search(query[None], k=40))[0]
        assert row == [entry for entry in full if entry[0] != item][:5]


def test_search_others__an_id_the_index_lacks__leaves_out_nothing(index):
    plain = index.search(np.ones((1, 2)), k=5)
    for absent in (["none"], [7]):
        assert rows_of(search_others(index, np.ones((1, 2), np.float32), 5, as_query_ids(absent, 1))) == rows_of(plain)


@pytest.mark.parametrize("hidden_count", [1, 3, 4])
def test_search_without__equals_an_index_without_those_labels(index, rng, hidden_count, monkeypatch):
    monkeypatch.setattr("keras_similarity.evaluate.searching.BLOCK_NEIGHBORS", 30)
    everything = list(index.search(np.zeros((1, 2)), k=40)[0])
    hidden = sorted({item.label for item in everything})[:hidden_count]
    queries = rng.integers(0, 6, (7, 2)).astype(np.float32)
    result = search_without(index, queries, 12, None, hidden)
    assert result.distances.shape == (7, 12)
    for query, row in zip(queries, rows_of(result), strict=True):
        full = rows_of(index.search(query[None], k=40))[0]
        assert row == [entry for entry in full if entry[1] not in hidden][:12]
    missing = ~np.isfinite(result.distances)
    assert all(value in (None, -1) for value in result.ids[missing].tolist())
    assert all(value is None for value in result.labels[missing].tolist())


@pytest.fixture(scope="module")
def rough_index():
    """An index that looks at few rows, and finds only some of the nearest."""
    rng = np.random.default_rng(7)
    index = Index(32, engine="binary", recall=0.3)
    rows = rng.normal(size=(INDEXED, 32)).astype(np.float32)
    index.add(rows, rng.integers(0, 5, INDEXED))
    index.build()
    return index, rows, rng.normal(size=(40, 32)).astype(np.float32)


def test_index_recall__is_the_share_of_the_true_neighbours(rough_index):
    index, rows, queries = rough_index
    found = index.search(queries, 10).ids
    cosines = queries @ rows.T / np.linalg.norm(rows, axis=1)
    true = np.argsort(-cosines, axis=1)[:, :10]
    expected = np.mean([len(set(ours) & set(theirs)) / 10 for ours, theirs in zip(found, true, strict=True)])
    assert 0.1 < expected < 0.95
    assert index_recall(index, queries, 10) == pytest.approx(expected)
    assert index_recall(index, queries, 10, sample=7) != pytest.approx(expected, abs=1e-9)


def test_retrieval_report__over_an_approximate_index__tells_its_recall_and_warns(rough_index, caplog):
    index, _, queries = rough_index
    report = retrieval_report(index, queries, [0] * len(queries), ["recall@10"])
    assert report.index_recall == index_recall(index, queries, 10) < 0.95
    assert f"the index finds {100 * report.index_recall:.1f}% of what an exact search does" in caplog.text


def test_retrieval_report__over_an_exact_index__finds_everything(rng, caplog):
    gallery, labels = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    index = Index(3)
    index.add(gallery, labels)
    assert retrieval_report(index, gallery[:5], labels[:5], ["recall@3"]).index_recall == 1.0
    assert not caplog.text


@pytest.mark.parametrize(
    ("queries", "rows", "options", "message"),
    [
        (np.empty((0, 2)), np.ones((3, 2)), {}, "needs queries and indexed items: got 0 and 3"),
        (np.ones((3, 2)), np.empty((0, 2)), {}, "needs queries and indexed items: got 3 and 0"),
        (np.ones((3, 2)), np.ones((3, 2)), {"k": 0}, "`k` must be"),
        (np.ones((3, 2)), np.ones((3, 2)), {"sample": 0}, "`sample` must be"),
    ],
)
def test_index_recall__bad_input__says_what(queries, rows, options, message):
    index = Index(2, "euclidean")
    index.add(rows)
    with pytest.raises(ValueError, match=message):
        index_recall(index, queries, **options)


def test_as_query_ids__numpy_scalars_in_a_list__are_the_ids_that_add_returned(index):
    own = list(np.asarray(list(index)))
    queries = index.arrays().embeddings
    result = search_others(index, queries, 3, as_query_ids(own, len(own)))
    assert not any(neighbor.id == item for row, item in zip(result, own, strict=True) for neighbor in row)
    labels = [record.label for record in index.records()]
    given, plain = (retrieval_report(index, queries, labels, ["map@r"], ids=ids).mean() for ids in (own, list(index)))
    assert given == plain


@pytest.mark.parametrize("find", [retrieval_report, functools.partial(find_labeled, k=3)], ids=["report", "labeled"])
def test_own_ids__are_looked_for_in_one_call(index, find, monkeypatch):
    """Each look is a round trip to an index in a database."""
    looks, held = [], Index._held
    monkeypatch.setattr(Index, "_held", lambda self, ids: looks.append(len(ids)) or held(self, ids))
    items = index.arrays()
    labels = [items.labels[code] for code in items.codes]
    find(index, items.embeddings, labels, ids=items.ids)
    assert looks == [40]
