"""What a server answers is what the index answers; what goes wrong is said in problem details."""

import base64
import io
import json

import numpy as np
import openai
import pytest
from PIL import Image as image


def picture(color, *, kind="PNG", size=(8, 8)):
    file = io.BytesIO()
    image.new("RGB", size, color).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def nearest(vectors, query, k, *, but=()):
    """Rows and cosine distances, by hand."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = 1 - units @ (query / np.linalg.norm(query))
    order = [row for row in np.argsort(distances, kind="stable").tolist() if row not in but]
    return order[:k], distances[order[:k]]


def test_query__a_vector__finds_what_the_formula_finds(shelf, rng):
    client, vectors, _ = shelf
    query = rng.normal(size=3)
    status, headers, body = client.query({"vector": query.tolist(), "k": 5})
    rows, distances = nearest(vectors, query, 5)
    assert status == 200
    assert headers["content-type"] == "application/json"
    (found,) = body["results"]
    assert [item["id"] for item in found] == rows
    np.testing.assert_allclose([item["distance"] for item in found], distances, atol=1e-6)
    assert [item["label"] for item in found] == [f"class {row % 7}" for row in rows]
    assert [item["metadata"] for item in found] == [{"row": row} for row in rows]


def test_query__several_vectors__a_row_each_with_what_is_included(shelf):
    client, vectors, _ = shelf
    body = client.query({"vectors": vectors[:3].tolist(), "k": 2, "include": ["vector"]})[2]
    assert [row[0]["id"] for row in body["results"]] == [0, 1, 2]
    np.testing.assert_array_equal(body["results"][2][0]["vector"], vectors[2])
    assert "metadata" not in body["results"][0][0]


def test_query__an_id__leaves_itself_out(shelf):
    client, vectors, _ = shelf
    (found,) = client.query({"id": 4, "k": 3})[2]["results"]
    assert [item["id"] for item in found] == nearest(vectors, vectors[4], 3, but=(4,))[0]


def test_query__filter_and_distance__hold(shelf):
    client, vectors, _ = shelf
    body = {"vector": [1, 0, 0], "k": 300, "where": {"row": {"lt": 50}}, "max_distance": 0.5}
    (found,) = client.query(body)[2]["results"]
    rows, distances = nearest(vectors, np.array([1, 0, 0]), 300)
    assert [item["id"] for item in found] == [
        row for row, distance in zip(rows, distances, strict=True) if row < 50 and distance <= 0.5
    ]


def test_query__k_beyond_the_index__gives_every_item_and_no_marker(shelf):
    client, vectors, _ = shelf
    (found,) = client.query({"vector": [0, 1, 0], "k": 1000})[2]["results"]
    assert sorted(item["id"] for item in found) == list(range(len(vectors)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_query__an_image__is_embedded_and_searched(shelf, kind):
    client, vectors, _ = shelf
    (found,) = client.query({"image": picture((40, 200, 80), kind=kind, size=(30, 20)), "k": 1})[2]["results"]
    expected = np.array([40, 200, 80]) / 255 + 0.01
    assert found[0]["id"] == nearest(vectors, expected, 1)[0][0]


def test_query__several_images__are_answered_in_their_order(shelf):
    client, vectors, _ = shelf
    colors = [(40, 200, 80), (250, 10, 30), (5, 5, 220)]
    _, _, body = client.query({"images": [picture(color) for color in colors], "k": 2})
    expected = [nearest(vectors, np.array(color) / 255 + 0.01, 2)[0] for color in colors]
    assert [[item["id"] for item in found] for found in body["results"]] == [list(rows) for rows in expected]
    assert client.query({"images": []})[::2] == (200, {"results": []})


def test_many_clients_at_once__each_gets_its_own_answer(shelf, rng):
    from concurrent.futures import ThreadPoolExecutor

    client, vectors, _ = shelf
    rows = rng.permutation(300)[:64].tolist()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda row: client.query({"vector": vectors[row].tolist(), "k": 1 + row % 3}), rows))
    for row, (status, _, body) in zip(rows, answers, strict=True):
        assert status == 200
        assert body["results"][0][0]["id"] == row
        assert len(body["results"][0]) == 1 + row % 3


def test_embeddings__the_real_openai_client__floats_and_base64_agree(shelf):
    client, _, _ = shelf
    api = openai.OpenAI(base_url=f"{client.address}/v1", api_key="none", max_retries=0)
    inputs = [f"data:image/png;base64,{picture(color)}" for color in ((10, 20, 30), (200, 100, 50))]
    expected = np.array([[10, 20, 30], [200, 100, 50]]) / 255 + 0.01
    for encoding in ("float", openai.NOT_GIVEN):  # what the client asks for by itself is base64
        answer = api.embeddings.create(model="means", input=inputs, encoding_format=encoding)
        np.testing.assert_allclose([row.embedding for row in answer.data], expected, atol=1e-6)
        assert [row.index for row in answer.data] == [0, 1]
    assert [model.id for model in api.models.list()] == ["means"]
    with pytest.raises(openai.NotFoundError, match="the model here is 'means'"):
        api.embeddings.create(model="another", input=inputs)
    with pytest.raises(openai.UnprocessableEntityError, match="No address is ever fetched"):
        api.embeddings.create(model="means", input="https://example.org/cat.png")


def test_items__upsert_get_delete__and_a_snapshot(shelf, tmp_path):
    client, _, _ = shelf
    items = [
        {"id": "a/b c", "vector": [9, 9, 9], "label": "new", "metadata": {"row": -1}},
        {"id": "7", "image": picture((1, 2, 3))},
    ]
    assert client.ask("POST", "/v1/indexes/shelf/items:batch", {"items": items})[::2] == (200, {"upserted": 2})
    status, _, item = client.ask("GET", "/v1/indexes/shelf/items/a%2Fb%20c")
    assert (status, item["id"], item["label"], item["vector"]) == (200, "a/b c", "new", [9, 9, 9])
    assert client.ask("GET", "/v1/indexes/shelf/items/%227%22")[2]["id"] == "7"
    assert client.ask("GET", "/v1/indexes/shelf/items/7")[2]["id"] == 7
    assert client.query({"vector": [9, 9, 9], "k": 1})[2]["results"][0][0]["id"] == "a/b c"
    status, _, body = client.ask("POST", "/v1/indexes/shelf/snapshots", {})
    assert status == 201
    assert body["snapshot"].startswith("shelf-")
    for name in ("a%2Fb%20c", "%227%22"):
        assert client.ask("DELETE", f"/v1/indexes/shelf/items/{name}")[2] == {"deleted": 1}
    assert client.ask("DELETE", "/v1/indexes/shelf/items/none")[2] == {"deleted": 0}
    assert client.ask("GET", "/v1/indexes/shelf/items/a%2Fb%20c")[0] == 404
    assert client.ask("GET", "/v1/indexes")[2]["indexes"] == [
        {"name": "shelf", "dim": 3, "distance": "cosine", "size": 300}
    ]


def test_items__one_bad_item__adds_none(shelf):
    client, _, _ = shelf
    items = [{"id": "good", "vector": [1, 2, 3]}, {"id": "bad", "vector": [0, 0, 0]}]
    status, _, body = client.ask("POST", "/v1/indexes/shelf/items:batch", {"items": items})
    assert status == 422
    assert "row 1 is all zeros" in body["detail"]
    assert client.ask("GET", "/v1/indexes/shelf/items/good")[0] == 404


def test_one_bad_query_among_many__spoils_no_other(shelf):
    from concurrent.futures import ThreadPoolExecutor

    client, vectors, _ = shelf
    bodies = [{"vector": [0, 0, 0] if number % 4 == 0 else vectors[number].tolist(), "k": 1} for number in range(32)]
    with ThreadPoolExecutor(16) as pool:
        statuses = [answer[0] for answer in pool.map(client.query, bodies)]
    assert statuses == [422 if number % 4 == 0 else 200 for number in range(32)]


def test_model_that_gives_nan__is_a_500_for_its_request_alone(shelf):
    from concurrent.futures import ThreadPoolExecutor

    client, _, _ = shelf
    colors = [(0, 0, 0) if number % 3 == 0 else (number, 9, 200) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda color: client.query({"image": picture(color), "k": 1}), colors))
    assert [answer[0] for answer in answers] == [500 if color == (0, 0, 0) else 200 for color in colors]
    item = {"items": [{"id": "nan", "image": picture((0, 0, 0))}]}
    assert client.ask("POST", "/v1/indexes/shelf/items:batch", item)[0] == 500
    assert client.ask("GET", "/v1/indexes/shelf/items/nan")[0] == 404


def test_match__without_calibration__says_how_to_make_one(shelf):
    status, _, body = shelf[0].ask("POST", "/v1/indexes/shelf/match", {"vector": [1, 2, 3]})
    assert status == 409
    assert "keras-similarity calibrate" in body["detail"]


def test_metrics_and_log__count_requests_under_their_ids(shelf):
    client, _, log = shelf
    answer = client.query({"vector": [1, 2, 3]}, headers={"x-request-id": "mine-42"})
    assert answer[1]["x-request-id"] == "mine-42"
    assert "x-request-id" in client.ask("GET", "/nowhere")[1]
    text = client.ask("GET", "/metrics")[2]
    route = 'method="POST",route="/v1/indexes/{name}/query",status="200"'
    assert f"keras_similarity_requests_total{{{route}}}" in text
    assert 'keras_similarity_index_items{index="shelf"} 300.0' in text
    from serve.serving import wait_until

    wait_until(lambda: "mine-42" in log.read_text())
    (line,) = [json.loads(line) for line in log.read_text().splitlines() if "mine-42" in line]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/indexes/shelf/query", 200)
