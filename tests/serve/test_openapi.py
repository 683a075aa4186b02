"""Requests made from the description, good and bad: none is answered with 5xx but what the model is to blame for."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.calibrate import calibrate
from serve.serving import make_shelf, running

KEY = "a-key-that-may-write"
# What the description cannot say: exactly one of vector, id, image and text; base64; the index's own dimension and ids.
# And of two methods on one path, Litestar's answer to OPTIONS names the first alone.
EXCLUDED = "positive_data_acceptance,allow_header_conformance"


@pytest.mark.slow
@pytest.mark.parametrize(("explorer", "keys"), [(0, []), (40, [KEY])], ids=["without keys", "explorer and keys"])
def test_schemathesis__no_5xx_and_every_answer_as_described(tmp_path, explorer, keys):
    vectors = make_shelf(tmp_path / "shelf.index", np.random.default_rng(7))
    labels = [f"class {row % 7}" for row in range(len(vectors))]
    with ks.Index.open(tmp_path / "shelf.index") as index:
        calibrate(index, vectors, labels, k=2).save(tmp_path / "shelf.index" / "calibration.npz")
    limits = {"body_bytes": 100_000, "read_seconds": 1.0}
    snapshots = str(tmp_path / "snapshots")
    with running(
        tmp_path / "shelf.index", encoder=True, limits=limits, snapshots=snapshots, explorer=explorer, write=keys
    ) as client:
        headers = {"Authorization": f"Bearer {KEY}"} if keys else {}
        match = client.ask("POST", "/v1/indexes/shelf/match", {"vector": vectors[0].tolist()}, headers=headers)
        assert match[0] == 200, match[2]  # it is asked too, and has an answer
        _ask_everything(client, tmp_path, headers)


def _ask_everything(client, tmp_path, headers):
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(client.ask("GET", "/openapi.json", headers=headers)[2]))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(described), "--url", client.address]
    options = ["--checks", "all", "--exclude-checks", EXCLUDED, "--max-examples", "50", "--seed", "7"]
    options += [
        "--phases",
        "examples,coverage,fuzzing",
        *(f"--header={name}:{value}" for name, value in headers.items()),
    ]
    done = subprocess.run([*command, *options, "--no-color"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"[1-9]\d{2,} generated", done.stdout), done.stdout[-3000:]  # it did ask
    assert client.ask("GET", "/healthz")[0] == 200


def test_every_route__is_described(shelf):
    paths = shelf[0].ask("GET", "/openapi.json")[2]["paths"]
    assert {f"{method} {path}" for path, methods in paths.items() for method in methods} == {
        "get /healthz",
        "get /readyz",
        "get /metrics",
        "get /openapi.json",
        "get /v1/indexes",
        "get /v1/models",
        "post /v1/embeddings",
        "get /v1/indexes/{name}",
        "post /v1/indexes/{name}/query",
        "post /v1/indexes/{name}/match",
        "post /v1/indexes/{name}/items:batch",
        "get /v1/indexes/{name}/items/{item_id}",
        "delete /v1/indexes/{name}/items/{item_id}",
        "post /v1/indexes/{name}/snapshots",
        "post /v1/indexes/{name}/reload",
    }


def test_server_with_keys__offers_no_request_without_one(tmp_path, shelf):
    make_shelf(tmp_path / "shelf.index", np.random.default_rng(7), count=20)
    key = "a-key-that-may-read"
    with running(tmp_path / "shelf.index", read=[key]) as client:
        described = client.ask("GET", "/openapi.json", headers={"x-api-key": key})[2]
    assert {} not in described["security"]
    assert described["paths"]["/healthz"]["get"]["security"] == []  # but for probes
    assert {} in shelf[0].ask("GET", "/openapi.json")[2]["security"]


def test_description__names_the_indexes_that_there_are(shelf):
    described = shelf[0].ask("GET", "/openapi.json")[2]
    assert described["components"]["schemas"]["IndexName"]["enum"] == ["shelf"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/indexes", "/v1/indexes/shelf", "/v1/indexes/shelf/items/1"])
def test_post_where_none_is_taken__is_405_whatever_its_body_is(shelf, path):
    assert shelf[0].ask("POST", path, headers={"content-type": "text/plain"}, raw=b"a")[0] == 405
