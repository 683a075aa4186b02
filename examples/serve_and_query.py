"""Serve an index over HTTP, and ask it with a filter, as a program in any language would.

    python examples/serve_and_query.py

It needs the extra `serve`. The command `keras-similarity serve PATH` does the same in the foreground.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from sklearn.datasets import load_digits

import keras_similarity as ks

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tiny", action="store_true", help="fewer items, to see that it runs")
options = parser.parse_args()


def ask(address, path, body=None):
    """Send JSON, or get a page, and return the answer's JSON."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, content, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_until_ready(address):
    """Return when the server answers."""
    while True:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)


digits = load_digits()
count = 200 if options.tiny else len(digits.target)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "digits.index"
    with ks.Index(64, "euclidean", store=path) as index:
        parity = [{"even": bool(label % 2 == 0)} for label in digits.target[:count]]
        index.add(digits.data[1:count], digits.target[1:count].tolist(), metadata=parity[1:])
    command = Path(sys.executable).with_name("keras-similarity")
    server = subprocess.Popen([command, "serve", path, "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        address = re.search(r"serving at (http\S+)", server.stderr.readline())[1]
        wait_until_ready(address)
        print(ask(address, "/v1/indexes"))
        query = {"vector": digits.data[0].tolist(), "k": 3}
        for where in (None, {"even": False}):
            (found,) = ask(address, "/v1/indexes/digits/query", query | ({} if where is None else {"where": where}))[
                "results"
            ]
            print(where, [(item["label"], round(item["distance"], 1)) for item in found])
    finally:
        server.terminate()
        server.wait(timeout=20)
        server.stderr.close()
