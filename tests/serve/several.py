"""Several servers in front of one index in a database, which tell what requests they have taken."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

# `keras-similarity serve`; the id of each request is written down when the server has read its head.
PROGRAM = """
import os
from keras_similarity.cli import main
from keras_similarity.serve.gate import Gate

answer = Gate.__call__
taken = os.open(os.environ["TAKEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def told(self, scope, receive, send):
    for name, value in scope.get("headers", ()):
        if name == b"x-request-id":
            os.write(taken, value + b"\\n")
    await answer(self, scope, receive, send)

Gate.__call__ = told
main()
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """One of several: `keras-similarity serve` on a port of its own, told of its index by its environment."""

    def __init__(self, url, log):
        self._url, self._log, self._taken = url, log, log.with_suffix(".taken")
        self.port = free_port()
        self.start()

    @property
    def taken(self):
        """The ids of the requests that it has taken."""
        return set(self._taken.read_text().split())

    def start(self):
        command = [sys.executable, "-c", PROGRAM, "serve", "--port", str(self.port)]
        environment = os.environ | {"KERAS_SIMILARITY_INDEXES": self._url, "TAKEN": str(self._taken)}
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

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body=None, request_id=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"content-type": "application/json"} | ({"x-request-id": request_id} if request_id else {})
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()
