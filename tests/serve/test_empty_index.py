"""An index without items is one too: whatever is asked of it has an answer."""

import pytest

import keras_similarity as ks
from serve.serving import running


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty") / "shelf.index"
    with ks.Index(3, store=folder):
        pass
    with running(folder, encoder=True, explorer=10) as client:
        yield client


@pytest.mark.parametrize("more", [{}, {"where": {"label": "a"}}, {"max_distance": 0.5}, {"include": ["vector"]}])
def test_query__finds_nothing(empty, more):
    assert empty.query({"vector": [1, 2, 3], **more})[::2] == (200, {"results": [[]]})
    assert empty.query({"vectors": [[1, 2, 3], [3, 2, 1]], **more})[::2] == (200, {"results": [[], []]})
    assert empty.query({"vectors": [], **more})[::2] == (200, {"results": []})


def test_bad_query__is_bad_here_too(empty):
    assert empty.query({"vector": [1, 2]})[0] == 409
    assert empty.query({"vector": [0, 0, 0]})[0] == 422
    assert empty.query({"id": 1})[0] == 404


def test_its_map__has_no_points(empty):
    status, _, about = empty.ask("GET", "/v1/indexes/shelf/map")
    assert (status, about["size"], about["labels"]) == (200, 0, [])
    assert empty.ask("GET", "/v1/indexes/shelf/duplicates")[0] in (202, 422, 501)


def test_first_item__is_found(empty):
    items = {"items": [{"id": "first", "vector": [1, 2, 3]}]}
    assert empty.ask("POST", "/v1/indexes/shelf/items:batch", items)[0] == 200
    assert [item["id"] for item in empty.query({"vector": [1, 2, 3]})[2]["results"][0]] == ["first"]
    assert empty.ask("DELETE", "/v1/indexes/shelf/items/first")[2] == {"deleted": 1}
    assert empty.query({"vector": [1, 2, 3]})[2] == {"results": [[]]}
