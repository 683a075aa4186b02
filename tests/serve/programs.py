"""The command line's server as a process, also where no deep-learning framework can be imported."""

import contextlib
import re
import signal
import subprocess
import sys

from serve.serving import Client, wait_until

FRAMEWORKS = ("keras", "jax", "jaxlib", "tensorflow", "torch")
WITHOUT = f"""
import sys
for name in {FRAMEWORKS}:
    sys.modules[name] = None  # to import it fails, as where it is not installed
"""
PROGRAM = """
from keras_similarity.cli import main
main()
"""


@contextlib.contextmanager
def serving(*arguments, frameworks=True):
    """A client of `keras-similarity serve` with these arguments, once it is ready."""
    program = PROGRAM if frameworks else WITHOUT + PROGRAM
    command = [sys.executable, "-c", program, "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = process.stderr.readline()
        address = re.search(r"serving at (http\S+)", said)
        assert address, said + process.stderr.read()
        client = Client(address[1], process)
        wait_until(lambda: _ready(client), seconds=90)
        yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def _ready(client):
    try:
        return client.ask("GET", "/readyz")[0] == 200
    except OSError as error:  # it ended, and says why
        raise AssertionError(client.process.communicate()[1]) from error
