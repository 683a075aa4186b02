"""One server for the tests that leave it as it was."""

import numpy as np
import pytest

from serve.serving import make_shelf, running


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A client of a served index of 300 rows, the rows, and the server's log."""
    folder = tmp_path_factory.mktemp("shelf")
    vectors = make_shelf(folder / "shelf.index", np.random.default_rng(7))
    limits = {"body_bytes": 400_000, "read_seconds": 1.0}
    log = folder / "log"
    with running(
        folder / "shelf.index", encoder=True, limits=limits, snapshots=str(folder / "snapshots"), log=log
    ) as client:
        yield client, vectors, log
