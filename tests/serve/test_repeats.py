"""A write that is sent twice under one Idempotency-Key is done once."""

import asyncio
import threading

import numpy as np
import pytest

from keras_similarity.serve.gate import BODY
from keras_similarity.serve.repeats import Repeats
from serve.serving import make_shelf, running

WRITE, OTHER = "w" * 32, "o" * 32
BATCH = "/v1/indexes/shelf/items:batch"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeats")
    make_shelf(folder / "shelf.index", np.random.default_rng(3))
    with running(folder / "shelf.index", write=[WRITE, OTHER], snapshots=str(folder / "snapshots")) as client:
        yield client, folder


def send(client, key, body, *, method="POST", path=BATCH, who=WRITE):
    headers = {"authorization": f"Bearer {who}", "idempotency-key": key}
    return client.ask(method, path, body, headers=headers)


def items(*numbers, name="a"):
    return {"items": [{"id": name, "vector": list(numbers)}]}


def snapshots(folder):
    return len(list(folder.glob("snapshots/*")))


def test_upsert_sent_again__is_answered_again_and_leaves_what_came_between(server):
    client, _ = server
    status, headers, body = send(client, "one", items(1, 2, 3))
    assert (status, body) == (200, {"upserted": 1})
    assert "Idempotent-Replayed" not in {name.title() for name in headers}
    assert send(client, "two", items(9, 9, 9))[0] == 200  # somebody else's change of the same item
    status, headers, body = send(client, "one", items(1, 2, 3))
    assert (status, body, headers["idempotent-replayed"]) == (200, {"upserted": 1}, "true")
    seen = client.ask("GET", "/v1/indexes/shelf/items/a", headers={"authorization": f"Bearer {WRITE}"})[2]
    assert seen["vector"] == [9, 9, 9]


def test_snapshot_asked_for_again__is_made_once(server):
    client, folder = server
    before = snapshots(folder)
    path = "/v1/indexes/shelf/snapshots"
    first, again = (send(client, "copy", {}, path=path) for _ in range(2))
    assert first[0] == again[0] == 201
    assert first[2] == again[2]
    assert snapshots(folder) == before + 1


def test_delete_sent_again__says_what_it_said(server):
    client, _ = server
    send(client, "made", items(1, 2, 3, name="gone"))
    path = "/v1/indexes/shelf/items/gone"
    assert [send(client, "away", None, method="DELETE", path=path)[2] for _ in range(2)] == [{"deleted": 1}] * 2
    assert send(client, "another", None, method="DELETE", path=path)[2] == {"deleted": 0}


def test_many_at_once__are_done_once(server):
    client, folder = server
    before = snapshots(folder)
    answers = []
    path = "/v1/indexes/shelf/snapshots"
    threads = [threading.Thread(target=lambda: answers.append(send(client, "rush", {}, path=path))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer[0] for answer in answers} == {201}
    assert len({answer[2]["snapshot"] for answer in answers}) == 1
    assert snapshots(folder) == before + 1


def test_key_with_another_body__is_refused_and_does_nothing(server):
    client, _ = server
    send(client, "same", items(1, 2, 3, name="x"))
    status, _, body = send(client, "same", items(3, 2, 1, name="x"))
    assert status == 422
    assert "another body" in body["detail"]


def test_what_failed__may_be_tried_again_under_its_key(server):
    client, _ = server
    assert send(client, "retry", items(0, 0, 0, name="r"))[0] == 422
    assert send(client, "retry", items(1, 0, 0, name="r"))[0] == 200


def test_keys_of_two_clients__are_two(server):
    client, _ = server
    send(client, "shared", items(1, 2, 3, name="theirs"))
    status, headers, _ = send(client, "shared", items(4, 5, 6, name="ours"), who=OTHER)
    assert status == 200
    assert "idempotent-replayed" not in headers


def test_key_at_two_paths__is_two(server):
    client, _ = server
    for name in ("here", "there"):
        send(client, f"made-{name}", items(1, 2, 3, name=name))
        path = f"/v1/indexes/shelf/items/{name}"
        assert send(client, "anywhere", None, method="DELETE", path=path)[2] == {"deleted": 1}
        assert client.ask("GET", path, headers={"authorization": f"Bearer {WRITE}"})[0] == 404


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_key_that_is_none__is_400(server, key):
    client, _ = server
    assert send(client, key.encode("latin-1"), items(1, 2, 3, name="never"))[0] == 400
    path = "/v1/indexes/shelf/items/never"
    assert client.ask("GET", path, headers={"authorization": f"Bearer {WRITE}"})[0] == 404


def test_query_with_a_key__is_asked_as_ever(server):
    client, _ = server
    headers = {"authorization": f"Bearer {WRITE}", "idempotency-key": "q"}
    for k in (1, 2):
        assert len(client.query({"vector": [1, 2, 3], "k": k}, headers=headers)[2]["results"][0]) == k


def test_delete_of_an_id_that_ends_like_a_question__is_a_write(server):
    client, _ = server
    send(client, "made-too", items(1, 2, 3, name="a/query"))
    path = "/v1/indexes/shelf/items/a/query"
    assert [send(client, "ends", None, method="DELETE", path=path)[2] for _ in range(2)] == [{"deleted": 1}] * 2


SCOPE = {
    "type": "http",
    "method": "POST",
    "path": BATCH,
    "raw_path": BATCH.encode(),
    "headers": [(b"idempotency-key", b"k")],
    BODY: b"{}",
}


class Slow:
    """An application that does its work in a while."""

    def __init__(self):
        self.done = 0

    async def __call__(self, scope, receive, send):
        await asyncio.sleep(0.05)
        self.done += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % self.done})


def test_client_that_left_before_its_answer__finds_it_when_it_comes_again():
    app, heard = Slow(), []
    repeats = Repeats(app)

    async def send(message):
        heard.append(message)

    async def leave_and_come_again():
        asked = asyncio.create_task(repeats(dict(SCOPE), None, send))
        await asyncio.sleep(0.01)
        asked.cancel()  # as a connection does that is lost
        await asyncio.wait([asked])
        assert not heard
        await repeats(dict(SCOPE), None, send)

    asyncio.run(leave_and_come_again())
    assert app.done == 1
    assert [heard[0]["headers"], heard[1]["body"]] == [[(b"idempotent-replayed", b"true")], b"1"]


def test_answers__are_forgotten_beyond_the_most_that_are_kept(monkeypatch):
    monkeypatch.setattr("keras_similarity.serve.repeats.MOST_KEPT", 3)
    app = Slow()
    repeats = Repeats(app)

    async def send(message):
        pass

    async def ask(*keys):
        for key in keys:
            await repeats(SCOPE | {"headers": [(b"idempotency-key", b"%d" % key)]}, None, send)

    asyncio.run(ask(1, 2, 3, 4, 2, 4))
    assert app.done == 4
    asyncio.run(ask(1))
    assert app.done == 5
