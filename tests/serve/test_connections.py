"""Answers on the wire: whole, in order, and with what their connection needs to know."""

import asyncio
import json
import socket

import pytest
import uvicorn
from uvicorn.server import ServerState

from keras_similarity.serve import Limits, Metrics, Service, served_indexes
from keras_similarity.serve.gate import Gate
from keras_similarity.serve.protocol import LimitedProtocol
from keras_similarity.serve.short_way import ShortWay
from serve.serving import make_shelf


def exchange(port, *requests):
    """Everything that is answered to requests sent at once, until the server or half a second of silence ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
        connection.sendall(b"".join(requests))
        received = b""
        try:
            while part := connection.recv(65_536):
                received += part
        except TimeoutError:
            return received, False
        return received, True


def query(k, version="1.1", *lines):
    body = json.dumps({"vector": [1, 2, 3], "k": k}).encode()
    head = [f"POST /v1/indexes/shelf/query HTTP/{version}", "Host: localhost", "Content-Type: application/json"]
    return "\r\n".join([*head, *lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def answers(received):
    """Status line, headers and decoded body of each answer in what was received, nothing left over."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        length = int(headers["content-length"])
        found.append((status, headers, json.loads(rest[:length])))
        received = rest[length:]
    return found


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("line", ["Content-Length: 9000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(("method", "expected"), [("GET", "413"), ("POST", "405")])
def test_body_that_comes_without_a_key__is_refused_before_it_is_read(shelf, path, line, method, expected):
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode()
    received, ended = exchange(shelf[0].port, head)  # and nothing of the body
    ((status, _, _),) = answers(received)
    assert status.split()[1] == expected
    assert ended
    whole = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()
    assert b" 200 " in exchange(shelf[0].port, whole)[0].splitlines()[0]


def test_requests_on_one_connection__are_answered_whole_and_in_order(shelf):
    received, ended = exchange(shelf[0].port, *(query(k) for k in (1, 3, 2)))
    found = answers(received)
    assert not ended  # the connection is kept
    assert [len(body["results"][0]) for _, _, body in found] == [1, 3, 2]
    for status, headers, _ in found:
        assert status == "HTTP/1.1 200 OK"
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["date"].endswith("GMT")
    assert len({headers["x-request-id"] for _, headers, _ in found}) == 3


def test_a_connection_that_is_to_end__ends_behind_the_answer(shelf):
    for request in (query(2, "1.1", "Connection: close"), query(2, "1.0")):
        received, ended = exchange(shelf[0].port, request)
        ((status, headers, body),) = answers(received)
        assert ended
        assert status.endswith("200 OK")
        assert headers["connection"] == "close"
        assert len(body["results"][0]) == 2


def test_a_refusal_between_answers__keeps_the_connection(shelf):
    received, _ = exchange(shelf[0].port, query(1), query(0), query(1))
    assert [status.split()[1] for status, _, _ in answers(received)] == ["200", "400", "200"]


class Noted:
    """A connection's transport that notes what is written to it at a time."""

    def __init__(self, transport, written):
        self._transport, self._written = transport, written

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def write(self, data):
        self._written.append(bytes(data))
        self._transport.write(data)


def test_an_answer__goes_out_in_one_packet(tmp_path, rng):
    make_shelf(tmp_path / "shelf.index", rng)
    limits, metrics, written = Limits(), Metrics(), []
    service = Service(served_indexes([tmp_path / "shelf.index"], limits, metrics), limits=limits, metrics=metrics)
    config = uvicorn.Config(Gate(ShortWay(None, service), service), lifespan="off", log_config=None)
    config.load()

    class Protocol(LimitedProtocol):
        def connection_made(self, transport):
            super().connection_made(Noted(transport, written))

    async def ask():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Protocol(config, ServerState(), {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        received, _ = await asyncio.to_thread(exchange, port, query(1), query(3))
        server.close()
        await server.wait_closed()
        return received

    received = asyncio.run(ask())
    service.close()
    assert [len(body["results"][0]) for _, _, body in answers(received)] == [1, 3]
    assert len(written) == 2
    assert b"".join(written) == received
