"""A disk that refuses writes: the request hears why, what is there is searched on, and /readyz tells what lasts."""

import asyncio

import pytest

from keras_similarity.errors import StorageError, StorageFullError
from keras_similarity.serve import Limits, Metrics, Service, served_indexes
from keras_similarity.serve.problems import as_problem
from serve.serving import make_shelf, running

resource = pytest.importorskip("resource", reason="limits of a process, which Windows has not")
ITEM = {"items": [{"id": "new", "vector": [1, 2, 3]}]}


@pytest.fixture
def folder(tmp_path, rng):
    make_shelf(tmp_path / "shelf.index", rng)
    return tmp_path / "shelf.index"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Linux sets the limits of another process")
def test_write_that_the_disk_refuses__is_503_and_works_again_when_it_takes_one(folder):
    with running(folder) as client:
        before = resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (1, before[1]))
        status, _, body = client.ask("POST", "/v1/indexes/shelf/items:batch", ITEM)
        assert status == 503, body
        assert "the disk refused" in body["detail"]
        assert client.query({"vector": [1, 2, 3]})[0] == 200
        assert client.ask("GET", "/readyz")[0] == 200  # it may pass
        resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, before)
        assert client.ask("POST", "/v1/indexes/shelf/items:batch", ITEM)[0] == 200
        assert client.ask("GET", "/v1/indexes/shelf/items/new")[2]["vector"] == [1, 2, 3]


def refuse(error):
    def write(_):
        raise error

    return write


def test_failure_that_lasts__is_told_by_readiness_until_the_index_is_opened_anew(folder, monkeypatch):
    limits, metrics = Limits(), Metrics()
    service = Service(served_indexes([folder], limits, metrics), limits=limits, metrics=metrics)
    served = service.index("shelf")

    async def reasons():
        found = []
        with pytest.raises(StorageFullError):
            await served.write(refuse(StorageFullError("no room")))
        found.append(service.why_not_ready())
        monkeypatch.setattr(served.index, "snapshot", refuse(StorageError("another disk", lasting=True)))
        with pytest.raises(StorageError):
            await served.snapshot(folder / "elsewhere")
        found.append(service.why_not_ready())
        with pytest.raises(StorageError):
            await served.write(refuse(StorageError("Input/output error", lasting=True)))
        found.append(service.why_not_ready())
        await served.reload()
        return [*found, service.why_not_ready()]

    assert asyncio.run(reasons()) == [None, None, "the disk of shelf refuses writes", None]
    service.close()


def test_full_disk__is_507():
    assert as_problem(StorageFullError("there is no room"), "a-request").status == 507
