"""One server for the tests that leave it as it was."""

import importlib.util

import numpy as np
import pytest

from serve.serving import make_shelf, running

NEEDED = ("litestar", "uvicorn", "httptools", "prometheus_client", "PIL")
collect_ignore_glob = [] if all(importlib.util.find_spec(name) for name in NEEDED) else ["test_*.py"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A client of a served index of 300 rows, the rows, and the server's log."""
    folder = tmp_path_factory.mktemp("shelf")
    vectors = make_shelf(folder / "shelf.index", np.random.default_rng(7))
    limits = {"body_bytes": 100_000, "read_seconds": 1.0}
    log = folder / "log"
    with running(
        folder / "shelf.index", encoder=True, limits=limits, snapshots=str(folder / "snapshots"), log=log
    ) as client:
        yield client, vectors, log
