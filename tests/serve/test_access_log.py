"""The log of requests goes to the stderr that there is when a server is made, and nowhere where that takes no bytes."""

import asyncio
import io
import subprocess
import sys

import pytest

from keras_similarity.serve.access_log import AccessLog

# As a notebook's stderr, which takes text alone, and as a program's without a console.
WITHOUT_BYTES = """
import io, sys
sys.stderr = {stderr}
import keras_similarity.serve as server
log = server.Service({{}}).log
log.flush()
assert log.silent
"""


@pytest.mark.parametrize("stderr", ["io.StringIO()", "None"])
def test_package__is_imported_where_stderr_takes_no_bytes(stderr):
    program = WITHOUT_BYTES.format(stderr=stderr)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_log__is_written_to_the_stderr_of_its_making(monkeypatch):
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(content))
    log = AccessLog.on_stderr()

    async def note():
        log.add({"status": 200})

    asyncio.run(note())
    log.flush()
    assert content.getvalue() == b'{"status":200}\n'


def test_log_of_none__is_silent():
    assert AccessLog(None).silent
