"""The server's log: lines of JSON alone, whatever happened."""

import base64
import io
import json
import signal
import socket

import numpy as np
from PIL import Image as image

from serve.serving import make_shelf, running, wait_until


def picture(color):
    file = io.BytesIO()
    image.new("RGB", (8, 8), color).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_every_line__is_json__errors_and_news_too(tmp_path):
    make_shelf(tmp_path / "shelf.index", np.random.default_rng(7))
    log = tmp_path / "log"

    def lines(**about):
        read = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in read if about.items() <= line.items()]

    with running(tmp_path / "shelf.index", encoder=True, log=log) as client:
        assert client.query({"vector": [1, 2, 3]}, headers={"x-request-id": "mine-1"})[0] == 200
        assert client.query({"image": picture((0, 255, 0))})[0] == 500
        with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
            connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            connection.recv(100)
        client.process.send_signal(signal.SIGHUP)
        wait_until(lambda: lines(level="info", message="opened the index shelf anew"))
        (tmp_path / "shelf.index").rename(tmp_path / "moved.index")
        client.process.send_signal(signal.SIGHUP)
        wait_until(lambda: lines(level="error", message="the index shelf could not be opened anew"))
        client.process.send_signal(signal.SIGTERM)
        assert client.process.wait(timeout=12) == 0
    assert [line["status"] for line in lines(request_id="mine-1")] == [200]
    (failed,) = lines(level="error", logger="keras_similarity.serve.encoding")
    assert "the model means failed" in failed["message"]
    assert "RuntimeError: out of order" in failed["exception"]
    assert lines(level="warning", logger="uvicorn.error")
    assert "FileNotFoundError" in lines(message="the index shelf could not be opened anew")[0]["exception"]
