"""Several servers in front of one index in PostgreSQL: they answer alike, and a rolling restart loses no request."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.serve.answers import Answers
from keras_similarity.serve.searches import Search, run_searches

pytestmark = pytest.mark.database
DIM = 8


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """One of several: `keras-similarity serve` on a port of its own, told of its index by its environment."""

    def __init__(self, url, log):
        self._url, self._log = url, log
        self.port = free_port()
        self.start()

    def start(self):
        program = "from keras_similarity.cli import main; main()"
        command = [sys.executable, "-c", program, "serve", "--port", str(self.port)]
        environment = os.environ | {"KERAS_SIMILARITY_INDEXES": self._url}
        with self._log.open("ab") as log:  # a pipe that nobody reads would fill, and stop it
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(self._log.read_text())

    def restart(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        self.start()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, None if body is None else json.dumps(body), {"content-type": "application/json"}
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def servers(postgres, rng, tmp_path):
    url = postgres.url("shelf")
    with ks.Index(DIM, "euclidean", store=url) as index:
        index.add(rng.normal(size=(300, DIM)), labels=[f"class {n % 5}" for n in range(300)])
    running = [Server(url, tmp_path / f"{number}.log") for number in range(2)]
    yield running
    for server in running:
        server.process.kill()
        server.process.wait()
    postgres.execute("DROP TABLE shelf, shelf_labels, shelf_state")


def _asked_of(server, body):
    """Return the status and the number of neighbours, or None where a proxy would pass the server over.

    It does not listen then, or says that it is stopping. What it took and did not answer is lost: an error.
    """
    try:
        status, found = server.ask("POST", "/v1/indexes/shelf/query", body)
    except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as error:
        return error if isinstance(error, http.client.RemoteDisconnected) else None
    except Exception as error:
        return error
    return None if status == 503 else (status, len(found.get("results", [[]])[0]))


def test_two_servers__one_index_and_a_rolling_restart_loses_no_request(servers):
    added = {"items": [{"id": "new", "vector": [9.0] * DIM, "label": "far", "metadata": {"n": 1}}]}
    assert servers[0].ask("POST", "/v1/indexes/shelf/items:batch", added)[0] == 200
    asked = {"vector": [9.0] * DIM, "k": 1}
    status, found = servers[1].ask("POST", "/v1/indexes/shelf/query", asked)
    assert (status, found["results"][0][0]["id"], found["results"][0][0]["metadata"]) == (200, "new", {"n": 1})

    answers, lost, stop = [], [], threading.Event()

    def ask(number):
        rng, turn = np.random.default_rng(number), number
        while not stop.is_set():
            body = {"vector": rng.normal(size=DIM).tolist(), "k": 3}
            while (answer := _asked_of(servers[turn % 2], body)) is None:
                turn += 1
                time.sleep(0.01)
            turn += 1
            (lost if isinstance(answer, Exception) else answers).append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for server in servers:
        before = len(answers)
        server.restart()
        assert len(answers) > before
    stop.set()
    for thread in threads:
        thread.join()
    assert not lost
    assert set(answers) == {(200, 3)}


def test_database_away__503_until_it_is_back(servers, postgres):
    server = servers[0]
    postgres.stop()
    try:
        status, problem = server.ask("POST", "/v1/indexes/shelf/query", {"vector": [0.0] * DIM, "k": 1})
        assert status == 503
        assert "cannot be reached" in problem["detail"] or "went away" in problem["detail"]
        assert server.ask("GET", "/healthz")[0] == 200
    finally:
        postgres.start()
    assert server.ask("POST", "/v1/indexes/shelf/query", {"vector": [0.0] * DIM, "k": 1})[0] == 200


@pytest.mark.parametrize(("changes", "answered"), [(1, True), (100, False)])
def test_item_changed_after_it_was_found__is_searched_again(postgres, monkeypatch, changes, answered):
    with ks.Index(DIM, "euclidean", store=postgres.url()) as index:
        index.add(np.ones((1, DIM)), ids=["a"], metadata=[{"n": 0}])
        real, left = index.search, list(range(changes))

        def search(*arguments, **options):
            result = real(*arguments, **options)
            if left:
                index.update(["a"], metadata=[{"n": left.pop()}])
            return result

        monkeypatch.setattr(index, "search", search)
        asked = Search([[1.0] * DIM], 1, include=frozenset({"metadata"}))
        (answer,) = run_searches(index, Answers(), [asked])
    if answered:
        assert json.loads(answer)["results"][0][0]["metadata"] == {"n": 0}
    else:
        assert (answer.status, answer.headers) == (503, {b"retry-after": b"1"})
