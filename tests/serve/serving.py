"""A real server on a real socket, in a process of its own, and one program that starts it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np

import keras_similarity as ks

PROGRAM = """
import json, sys, time
import numpy as np
from pathlib import Path
from keras_similarity.embed import Encoder
from keras_similarity.serve import ApiKeys, Explorer, Limits, Service, run_server, served_indexes
from keras_similarity.serve.metrics import Metrics

options = json.loads(sys.argv[1])
limits, metrics = Limits(**options.get("limits", {})), Metrics()

def embed(rows):
    means = np.asarray(rows, np.float32).reshape(len(rows), -1, 3).mean(axis=1)
    if (means[:, 0] > 0.99).any():  # a white red channel makes it hang; a black picture, NaN
        time.sleep(60)
    if (means[:, 2] > 0.99).any():  # a white blue channel makes it slow
        time.sleep(0.5)
    if (means[:, 1] > 0.99).any():  # a white green channel makes it fail
        raise RuntimeError("out of order")
    return np.where(means.max(axis=1, keepdims=True) == 0, np.nan, means + 0.01)

encoder = Encoder(embed, "image", (8, 8, 3), 3, "means", 1 / 255)
service = Service(
    served_indexes([Path(path) for path in options["indexes"]], limits, metrics),
    keys=ApiKeys(options.get("write", []), options.get("read", [])),
    limits=limits,
    metrics=metrics,
    snapshots=Path(options["snapshots"]) if "snapshots" in options else None,
)
service.hosts = service.hosts | set(options.get("hosts", []))
if options.get("explorer"):
    images = Path(options["images"]) if "images" in options else None
    service.explorer = Explorer(lambda rows: rows[:, :2], most_points=options["explorer"], images=images)
run_server(
    service,
    port=0,
    load_encoder=(lambda: encoder) if options.get("encoder") else None,
    started=lambda address: print(address, flush=True),
)
"""


class Client:
    """Requests to one server."""

    def __init__(self, address, process):
        self.address = address
        self.process = process
        self.port = int(address.rsplit(":", 1)[1])

    def ask(self, method, path, body=None, *, headers=None, raw=None):
        """Return status, headers and decoded body of one request."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        for name, value in ({"content-type": "application/json"} | (headers or {})).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), _decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), _decoded(error.read())

    def query(self, body, **more):
        return self.ask("POST", "/v1/indexes/shelf/query", body, **more)


def _decoded(content):
    try:
        return json.loads(content)
    except json.JSONDecodeError:
        return content.decode()


@contextlib.contextmanager
def running(folder, *, log=None, **options):
    """Start a server over the index `folder`; end it, if it still runs, at the end."""
    options = {"indexes": [str(folder)]} | options
    with open(log or os.devnull, "wb") as errors:  # noqa: PTH123  either a path or the null device
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(options)], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            client = Client(process.stdout.readline().strip(), process)
            wait_until(lambda: client.ask("GET", "/readyz")[0] == 200)
            yield client
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()


def wait_until(holds, *, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def make_shelf(folder, rng, *, count=300, dim=3):
    """An index on disk, and its vectors."""
    vectors = rng.normal(size=(count, dim)).astype(np.float32)
    with ks.Index(dim, store=folder) as index:
        index.add(
            vectors, [f"class {row % 7}" for row in range(count)], metadata=[{"row": row} for row in range(count)]
        )
    return vectors
