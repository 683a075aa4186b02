"""Which item a path names: the one that it says, and none where it says none."""

import pytest


@pytest.mark.parametrize(
    "path",
    [
        "//v1/indexes/shelf/items/1",
        "/v1//indexes/shelf/items/1",
        "/v1/indexes//shelf/items/1",
        "/v1/indexes/shelf//items/1",
        "/v1/indexes/shelf/items%2F1",
        "/v1/indexes/shelf%2Fitems/1",
        "/v1/indexes/shelf%2Fitems/items/1",
        "/v1/indexes/shelf/items/",
        "/v1/indexes/shelf/items",
        "//v1//indexes//nothing",
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_path_with_slashes_elsewhere__names_no_item(shelf, method, path):
    before = shelf[0].ask("GET", "/v1/indexes/shelf")[2]["size"]
    status, _, body = shelf[0].ask(method, path)
    assert status in (404, 405), body
    assert shelf[0].ask("GET", "/v1/indexes/shelf")[2]["size"] == before


def test_ids_with_slashes__are_not_those_of_their_parts(shelf):
    items = [{"id": item_id, "vector": [1, 2, 3]} for item_id in ("items/1", "a//b/", "/1")]
    assert shelf[0].ask("POST", "/v1/indexes/shelf/items:batch", {"items": items})[0] == 200
    assert shelf[0].ask("DELETE", "//v1/indexes/shelf/items/1")[0] == 404  # which was once "items/1"
    for path in ("items%2F1", "a%2F%2Fb%2F", "%2F1"):
        assert shelf[0].ask("DELETE", f"/v1/indexes/shelf/items/{path}")[2] == {"deleted": 1}
    assert shelf[0].ask("GET", "/v1/indexes/shelf/items/1")[0] == 200


@pytest.mark.parametrize("digits", ["9223372036854775808", "-9223372036854775809", "9999999999999999999"])
def test_number_beyond_64_bits__is_no_item(shelf, digits):
    assert shelf[0].ask("GET", f"/v1/indexes/shelf/items/{digits}")[0] == 404
    assert shelf[0].ask("DELETE", f"/v1/indexes/shelf/items/{digits}")[0] == 422
