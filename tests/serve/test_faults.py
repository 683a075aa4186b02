"""Faults of a server, with real processes: nothing acknowledged is lost, and other clients are not harmed."""

import base64
import http.client
import io
import signal
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image as image

import keras_similarity as ks
from serve.serving import make_shelf, running, wait_until

WRITE, READ = "w" * 32, "r" * 32


def picture(color):
    file = io.BytesIO()
    image.new("RGB", (8, 8), color).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def folder(tmp_path, rng):
    make_shelf(tmp_path / "shelf.index", rng)
    return tmp_path / "shelf.index"


class Load:
    """Clients that ask again and again, from threads."""

    def __init__(self, ask, *, clients):
        self.statuses = []
        self.seconds = []  # of those that got 200
        self.errors = []
        self._ask = ask
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number):
        turn = 0
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self.statuses.append(self._ask(number, turn))
            except (OSError, http.client.HTTPException) as error:  # the server was killed in the middle of an answer
                self.errors.append(error)
                return
            if self.statuses[-1] == 200:
                self.seconds.append(time.monotonic() - started)
            turn += 1


def test_sigterm_under_load__ends_with_0_and_refuses_only_what_it_did_not_take(folder):
    with running(folder) as client:
        with Load(lambda number, _: client.query({"id": number, "k": 5})[0], clients=8) as load:
            wait_until(lambda: len(load.statuses) > 100)
            client.process.send_signal(signal.SIGTERM)
            assert client.process.wait(timeout=12) == 0
        assert set(load.statuses) <= {200, 503}
        # Connections of which no request was taken any more: none was cut within an answer.
        words = ("refused", "reset", "Broken pipe", "without response")
        assert all(any(word in str(error) for word in words) for error in load.errors), load.errors
        with ks.Index.open(folder) as index:  # the lock is free, and the folder sound
            assert index.check().ok


def test_sigterm__answers_every_request_that_it_took(folder):
    statuses = []

    def ask():
        status, _, body = client.query({"image": picture((9, 9, 255)), "k": 5})
        statuses.append((status, len(body.get("results", [[]])[0])))

    with running(folder, encoder=True) as client:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: "keras_similarity_requests_in_flight 9.0" in client.ask("GET", "/metrics")[2])
        client.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert client.process.wait(timeout=12) == 0
    assert statuses == [(200, 5)] * 8


def test_kill_9_during_upserts__every_acknowledged_item_is_there(folder, rng):
    vectors = rng.normal(size=(4000, 3)).astype(np.float32) + 2
    acknowledged = []

    def upsert(client, number, turn):
        rows = [number * 1000 + turn * 4 + place for place in range(4)]
        items = [{"id": f"new {row}", "vector": vectors[row % 4000].tolist(), "label": "new"} for row in rows]
        status = client.ask("POST", "/v1/indexes/shelf/items:batch", {"items": items})[0]
        if status == 200:
            acknowledged.extend(rows)
        return status

    for _ in range(3):
        before = len(acknowledged)
        with (
            running(folder) as client,
            Load(lambda number, turn, client=client: upsert(client, number, turn), clients=4),
        ):
            wait_until(lambda before=before: len(acknowledged) > before + 60)
            client.process.send_signal(signal.SIGKILL)
            client.process.wait()
    with ks.Index.open(folder) as index:
        assert index.check().ok
        records = index.get([f"new {row}" for row in dict.fromkeys(acknowledged)])
        for row, record in zip(dict.fromkeys(acknowledged), records, strict=True):
            np.testing.assert_array_equal(record.embedding, vectors[row % 4000])
        assert len(index) % 4 == 0  # 300, and whole batches


def test_reload_under_load__no_request_fails_and_the_new_index_answers(folder, rng):
    with running(folder) as client:
        client.ask("POST", "/v1/indexes/shelf/items:batch", {"items": [{"id": "kept", "vector": [5, 5, 5]}]})
        with Load(lambda number, _: client.query({"vector": [number + 1, 2, 3], "k": 5})[0], clients=6) as load:
            wait_until(lambda: len(load.statuses) > 50)
            for _ in range(5):
                assert client.ask("POST", "/v1/indexes/shelf/reload", {})[2] == {"size": 301}
            with ks.Index.open(folder) as index:  # another process' turn to write
                index.add([[7.0, -7, 7]], ids=["elsewhere"])
            client.process.send_signal(signal.SIGHUP)
            wait_until(lambda: client.ask("GET", "/v1/indexes/shelf/items/elsewhere")[0] == 200)
            seen = len(load.statuses)
            wait_until(lambda: len(load.statuses) > seen + 50)
        assert set(load.statuses) == {200}
        assert not load.errors
        assert client.ask("GET", "/v1/indexes/shelf/items/kept")[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("limits", [{"in_flight": 4, "queue": 10**6}, {"in_flight": 10**6, "queue": 128}], ids=list)
def test_overload__gets_429_with_retry_after_and_who_is_taken_waits_little(folder, limits):
    """A call of the model takes 0.5 s here and one request; at most four are taken, and sixteen ask."""
    with running(folder, encoder=True, limits=limits) as client:
        waits = []
        items = {"input": [f"data:image/png;base64,{picture((9, 9, 255))}"] * 64, "model": "means"}

        def ask(number, _):
            status, headers, _ = client.ask("POST", "/v1/embeddings", items)
            if status == 429:
                waits.append(headers.get("retry-after"))
                time.sleep(0.05)
            return status

        with Load(ask, clients=16) as load:
            wait_until(lambda: 429 in load.statuses and len(load.seconds) > 12)
        assert set(load.statuses) == {200, 429}
        assert not load.errors
        assert set(waits) == {"1"}
        assert np.quantile(load.seconds, 0.99) < 4.5  # sixteen would take 8 s
        assert client.query({"vector": [1, 2, 3]})[0] == 200


def test_model_that_hangs__is_504_for_its_requests_and_others_go_on(folder):
    with running(folder, encoder=True, limits={"deadline_seconds": 1.0}) as client:
        hanging = threading.Thread(target=lambda: statuses.append(client.query({"image": picture((255, 0, 0))})[0]))
        statuses = []
        hanging.start()
        assert client.query({"vector": [1, 2, 3]})[0] == 200
        hanging.join()
        assert statuses == [504]
        assert client.query({"image": picture((9, 8, 7))})[0] == 200  # a new thread
        client.process.send_signal(signal.SIGTERM)
        assert client.process.wait(timeout=15) == 0  # the hanging thread does not keep it


def test_model_that_fails__is_500_for_its_call_and_works_on(folder, tmp_path):
    with running(folder, encoder=True, log=tmp_path / "log") as client:
        for _ in range(6):  # more than hanging calls are forgiven
            status, _, body = client.query({"image": picture((0, 255, 0))})
            assert status == 500
            assert "RuntimeError" in body["detail"]
            assert "out of order" not in body["detail"]  # what a model says is for the log
            assert client.query({"image": picture((9, 8, 7))})[0] == 200
        assert client.ask("GET", "/readyz")[0] == 200
        wait_until(lambda: (tmp_path / "log").read_text().count("RuntimeError: out of order") == 6)


def test_more_connections_than_may_be_open__are_closed_and_the_others_answered(folder):
    with running(folder, limits={"connections": 20}) as client:
        kept = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
        body = b'{"vector":[1,2,3]}'
        kept.request("POST", "/v1/indexes/shelf/query", body, {"content-type": "application/json"})
        assert kept.getresponse().read().startswith(b'{"results"')
        idle = [socket.create_connection(("127.0.0.1", client.port), timeout=10) for _ in range(60)]
        refused = 0
        for connection in idle:
            connection.settimeout(0.05)
            try:
                refused += connection.recv(10) == b""
            except TimeoutError:
                continue
            except ConnectionResetError:
                refused += 1
        assert refused >= 40
        kept.request("POST", "/v1/indexes/shelf/query", body, {"content-type": "application/json"})
        assert kept.getresponse().status == 200
        for connection in [kept, *idle]:
            connection.close()
        wait_until(lambda: client.query({"vector": [1, 2, 3]})[0] == 200)


def test_client_that_takes_no_answer__is_dropped_and_harms_nobody(folder):
    body = b'{"vectors":[' + b",".join([b"[1,2,3]"] * 256) + b'],"k":300,"include":[]}'
    request = b"POST /v1/indexes/shelf/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with running(folder, limits={"read_seconds": 1.0}) as client:
        lazy = []
        for _ in range(4):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", client.port))
            connection.sendall(request + b"content-length: %d\r\n\r\n" % len(body) + body)
            lazy.append(connection)
        assert client.query({"vector": [1, 2, 3]})[0] == 200
        wait_until(lambda: "keras_similarity_requests_in_flight 1.0" in client.ask("GET", "/metrics")[2])
        for connection in lazy:
            connection.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded") / "shelf.index"
    make_shelf(folder, np.random.default_rng(3))
    with running(folder, write=[WRITE, "n" * 32], read=[READ]) as client:
        yield client


def bearer(key):
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("key", ["", "x", READ[:-1], READ + "r", "é" * 8])
def test_wrong_key__is_401_everywhere_but_for_probes(guarded, key):
    for method, path in (("GET", "/v1/indexes"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/nowhere")):
        assert guarded.ask(method, path, headers={"authorization": f"Bearer {key}".encode("latin-1")})[0] == 401
    assert guarded.ask("GET", f"/v1/indexes?api_key={WRITE}")[0] == 401
    assert guarded.ask("GET", "/healthz")[0] == 200


def test_read_key__reads_and_changes_nothing(guarded):
    assert guarded.query({"vector": [1, 2, 3]}, headers=bearer(READ))[0] == 200
    assert guarded.query({"vector": [1, 2, 3]}, headers={"x-api-key": READ})[0] == 200
    for method, path in (
        ("POST", "/v1/indexes/shelf/items:batch"),
        ("POST", "/v1/indexes/shelf/reload"),
        ("POST", "/v1/indexes/shelf/snapshots"),
        ("DELETE", "/v1/indexes/shelf/items/1"),
    ):
        assert guarded.ask(method, path, {}, headers=bearer(READ))[0] == 403
    for key in (WRITE, "n" * 32):  # two at a time, so that one can be replaced
        item = {"items": [{"id": "by key", "vector": [1, 2, 3]}]}
        assert guarded.ask("POST", "/v1/indexes/shelf/items:batch", item, headers=bearer(key))[0] == 200


def test_another_writer__is_503_and_named(folder):
    with running(folder) as client, ks.Index.open(folder) as index:
        index.add([[1.0, 2, 3]])
        started = time.monotonic()
        item = {"items": [{"id": 1, "vector": [1, 2, 3]}]}
        status, headers, body = client.ask("POST", "/v1/indexes/shelf/items:batch", item)
        assert (status, headers["retry-after"]) == (503, "1")
        assert "process" in body["detail"]
        assert time.monotonic() - started < 10
        assert client.query({"vector": [1, 2, 3]})[0] == 200
