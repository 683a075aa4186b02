"""One server for the tests that leave it as it was, and several in front of one database."""

import numpy as np
import pytest

import keras_similarity as ks
from serve.serving import make_shelf, running
from serve.several import Server


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


@pytest.fixture
def servers(postgres, rng, tmp_path):
    """Two servers in front of one index of 300 rows in PostgreSQL."""
    url = postgres.url("shelf")
    with ks.Index(8, "euclidean", store=url) as index:
        index.add(rng.normal(size=(300, 8)), labels=[f"class {n % 5}" for n in range(300)])
    started = [Server(url, tmp_path / f"{number}.log") for number in range(2)]
    yield started
    for server in started:
        server.kill()
    postgres.execute("DROP TABLE shelf, shelf_labels, shelf_state")
