import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.evaluate import index_recall, retrieval_report
from keras_similarity.evaluate.searching import as_query_ids, search_others, search_without


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


def test_index_recall__an_index_that_lacks_half__finds_half(rng):
    gallery = rng.normal(size=(400, 4)).astype(np.float32)
    whole, half = Index(4, "euclidean"), Index(4, "euclidean")
    whole.add(gallery)
    half.add(gallery[::2])
    queries = rng.normal(size=(50, 4)).astype(np.float32)
    assert index_recall(whole, queries, gallery, k=5) == 1.0
    expected = np.mean(
        [np.sort(np.argsort(np.linalg.norm(gallery - query, axis=1))[:5] % 2 == 0).sum() / 5 for query in queries]
    )
    assert index_recall(half, queries, gallery, k=5) == pytest.approx(expected)


def test_retrieval_report__with_the_gallery__tells_the_indexs_recall(rng):
    gallery, labels = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    index = Index(3)
    index.add(gallery, labels)
    assert retrieval_report(index, gallery[:5], labels[:5], ["recall@3"]).index_recall is None
    assert retrieval_report(index, gallery[:5], labels[:5], ["recall@3"], gallery=gallery).index_recall == 1.0


@pytest.mark.parametrize(
    ("queries", "gallery", "options", "message"),
    [
        (np.empty((0, 2)), np.ones((3, 2)), {}, "at least one row each: got 0 and 3"),
        (np.ones((3, 2)), np.empty((0, 2)), {}, "at least one row each: got 3 and 0"),
        (np.ones((3, 2)), np.ones((3, 3)), {}, r"`gallery` needs shape \(n, 2\)"),
        (np.ones((3, 2)), np.ones((3, 2)), {"k": 0}, "`k` must be"),
        (np.ones((3, 2)), np.ones((3, 2)), {"sample": 0}, "`sample` must be"),
    ],
)
def test_index_recall__bad_input__says_what(queries, gallery, options, message):
    with pytest.raises(ValueError, match=message):
        index_recall(Index(2, "euclidean"), queries, gallery, **options)
