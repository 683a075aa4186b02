"""What PostgreSQL's own tools make of an index, as docs/guides/scale.md says: a dump, and a replica for searches."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from guides import shell_lines, text_of
from keras_similarity import Index
from keras_similarity.errors import ReadOnlyIndexError
from keras_similarity.index.remote.postgres import tuning
from serve import several


@pytest.fixture
def shop(postgres, rng, monkeypatch):
    """A database with an index and its graph, named as on the page; and the tools, told of the server."""
    postgres.execute("CREATE DATABASE shop")
    environment = {"PGHOST": str(postgres.socket.parent), "PGUSER": "postgres", "PGDATABASE": "shop"}
    tools = os.environ | environment | {"PATH": f"{postgres._server.bin_path}:{os.environ['PATH']}"}
    (prepare,) = [line for line in shell_lines(text_of("databases.md")) if line.startswith("psql ")]
    subprocess.run(["bash", "-c", prepare], check=True, env=tools, stdout=subprocess.DEVNULL)
    monkeypatch.setattr(tuning, "FEW_NUMBERS", 0)
    url = postgres.url("shoes", database="shop")
    with Index(8, "cosine", store=url) as index:
        index.add(rng.normal(size=(300, 8)), ["boot", "sandal", None] * 100, metadata=[{"n": n} for n in range(300)])
        assert index.build().engine == "hnsw"
    yield url, tools
    postgres.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")


def test_dump_restored_into_a_new_database__is_the_index_again(shop, postgres, rng, tmp_path):
    url, tools = shop
    dump, *restore = shell_lines(text_of("guides/scale.md").partition("## Back up and restore")[2])
    queries = rng.normal(size=(5, 8))

    def run(line):
        done = subprocess.run(
            ["bash", "-c", line], check=False, env=tools, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    run(dump)
    with Index.open(url) as index:
        items, truth = [record.id for record in index.records()], index.search(queries, exact=True)
    postgres.execute("DROP DATABASE shop WITH (FORCE)")
    for line in restore:
        run(line)
    with Index.open(url) as index:
        assert index.check().ok
        assert [record.id for record in index.records()] == items
        found = index.search(queries, exact=True)
        assert (found.ids.tolist(), found.labels.tolist()) == (truth.ids.tolist(), truth.labels.tolist())
        assert index.describe()["engine"]["engine"] == "hnsw"
        assert index.add(np.ones((1, 8))).tolist() == [300]


@pytest.fixture
def replica(shop, postgres):
    """The URL of the same index on a second server, which streams from the first."""
    url, tools = shop
    # No folder of pytest's: the server's own user must reach it, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        user, data = postgres._server.system_user, Path(folder) / "data"
        if user is not None:
            shutil.chown(folder, user)

        def run(command, *arguments):
            program = postgres._server.bin_path / command
            subprocess.run(
                [program, "-D", data, *arguments], check=True, user=user, env=tools, stdout=subprocess.DEVNULL
            )

        run("pg_basebackup", "--write-recovery-conf", "--checkpoint=fast")
        run("pg_ctl", "-w", "-l", data / "log", "-o", f"-h '' -k {folder}", "start")
        yield url.replace(str(postgres.socket.parent), folder)
        run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.mark.slow
def test_replica__answers_searches_of_a_server_that_is_read_only_and_follows(shop, replica, tmp_path, rng, monkeypatch):
    vector, url = rng.normal(size=8).tolist(), shop[0]
    monkeypatch.setattr(several, "PROGRAM", f"import sys\nsys.argv.append('--read-only')\n{several.PROGRAM}")
    server = several.Server(replica, tmp_path / "server.log")

    def found():
        status, answer = server.ask("POST", "/v1/indexes/shoes/query", {"vector": vector, "k": 3})
        assert status == 200, answer
        return [hit["id"] for hit in answer["results"][0]]

    try:
        with Index.open(url) as index:
            assert found() == index.search([vector], k=3, exact=True).ids[0].tolist()
            index.add([vector], ids=["new"])
        end = time.monotonic() + 30
        while found()[0] != "new":
            assert time.monotonic() < end, "what was added never came"
        items = {"items": [{"id": "more", "vector": vector}]}
        assert server.ask("POST", "/v1/indexes/shoes/items:batch", items)[0] == 403
    finally:
        server.kill()
    with Index.open(replica) as index, pytest.raises(ReadOnlyIndexError, match="Connect to the primary server"):
        index.add([vector])
