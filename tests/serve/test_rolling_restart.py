"""Servers in front of one index in PostgreSQL: they answer alike, and a rolling restart loses no request."""

import http.client
import itertools
import json
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from serve.nginx import guide, make_certificate, proxy
from serve.several import free_port

pytestmark = pytest.mark.database
DIM, QUERY = 8, "/v1/indexes/shelf/query"
NAME = "search.example.org"
MOST_KILLS = 20


def query(rng):
    return {"vector": rng.normal(size=DIM).tolist(), "k": 3}


@contextmanager
def asking(ask):
    """Four clients that ask on and on; what each request came to."""
    outcomes, stop = [], threading.Event()

    def run(number):
        rng = np.random.default_rng(number)
        for turn in itertools.count(number):
            if stop.is_set():
                return
            outcomes.append(ask(query(rng), f"{number}-{turn}", turn))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def asking_in_turn(servers):
    """A client that asks one server after the other, until one answers.

    It passes a server over that does not listen, says that it is stopping, or hangs up; what a server took, which it
    tells, and did not answer, is lost.
    """

    def ask(body, name, turn):
        hung_up = []
        for attempt in itertools.count():
            server, request_id = servers[(turn + attempt) % len(servers)], f"{name}-{attempt}"
            try:
                status, found = server.ask("POST", QUERY, body, request_id)
            except (OSError, http.client.HTTPException):
                hung_up.append((server, request_id))
            else:
                if status != 503:
                    return status, len(found.get("results", [[]])[0]), hung_up
            time.sleep(0.01)

    return ask


def lost(outcomes):
    """The requests that a server took and did not answer."""
    hung_up = [one for *_, ones in outcomes for one in ones]
    taken = {server: server.taken for server, _ in hung_up}
    return [request_id for server, request_id in hung_up if request_id in taken[server]]


def test_two_servers__have_one_index(servers):
    added = {"items": [{"id": "new", "vector": [9.0] * DIM, "label": "far", "metadata": {"n": 1}}]}
    assert servers[0].ask("POST", "/v1/indexes/shelf/items:batch", added)[0] == 200
    status, found = servers[1].ask("POST", QUERY, {"vector": [9.0] * DIM, "k": 1})
    assert (status, found["results"][0][0]["id"], found["results"][0][0]["metadata"]) == (200, "new", {"n": 1})


def test_rolling_restart__no_request_that_was_taken_is_lost(servers):
    with asking(asking_in_turn(servers)) as outcomes:
        for server in servers:
            before = len(outcomes)
            server.restart()
            assert len(outcomes) > before
    assert {outcome[:2] for outcome in outcomes} == {(200, 3)}
    assert len(outcomes) > 100
    assert all(server.taken for server in servers)
    assert not lost(outcomes)


@pytest.mark.slow
def test_servers_that_are_killed__lose_requests_and_these_are_found_out(servers):
    with asking(asking_in_turn(servers)) as outcomes:
        for server in itertools.islice(itertools.cycle(servers), MOST_KILLS):
            time.sleep(0.2)
            server.kill()
            server.start()
            if lost(outcomes):  # not by the first, where the machine is busy and nobody asks just then
                break
    assert lost(outcomes)


@pytest.mark.proxy
def test_rolling_restart_behind_nginx__every_request_is_answered(servers, tmp_path):
    certificate, key = make_certificate(tmp_path, NAME)
    port = free_port()
    ours = {
        "server 127.0.0.1:8000;": "".join(f"server 127.0.0.1:{server.port} max_fails=0;" for server in servers),
        "listen 443 ssl": f"listen 127.0.0.1:{port}",
        f"/etc/ssl/certs/{NAME}.pem": str(certificate),
        f"/etc/ssl/private/{NAME}.key": str(key),
        "proxy_http_version": "proxy_next_upstream error http_503 non_idempotent; proxy_http_version",
    }

    def ask(body, name, turn):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", QUERY, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, len(json.loads(answer.read()).get("results", [[]])[0])
        except (OSError, ValueError, http.client.HTTPException) as error:
            return error
        finally:
            connection.close()

    with proxy(tmp_path, guide(ours), port), asking(ask) as outcomes:
        for server in servers:
            before = len(outcomes)
            server.restart()
            assert len(outcomes) > before
    assert set(outcomes) == {(200, 3)}
    assert len(outcomes) > 100
