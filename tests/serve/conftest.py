import pytest

for package in ("litestar", "prometheus_client", "httptools"):
    pytest.importorskip(package)
from serve.serving import make_shelf, running  # noqa: E402  only where the packages are


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A served index of 300 rows, its vectors, and a client."""
    import numpy as np

    folder = tmp_path_factory.mktemp("shelf")
    vectors = make_shelf(folder / "shelf.index", np.random.default_rng(7))
    limits = {"body_bytes": 100_000, "read_seconds": 1.0}
    log = folder / "log"
    with running(
        folder / "shelf.index", encoder=True, limits=limits, snapshots=str(folder / "snapshots"), log=log
    ) as client:
        yield client, vectors, log
