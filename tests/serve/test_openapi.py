"""Requests made from the description, good and bad: none is answered with 5xx but what the model is to blame for."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from serve.serving import make_shelf, running


@pytest.mark.slow
@pytest.mark.parametrize("explorer", [0, 40])
def test_schemathesis__no_5xx_and_every_answer_as_described(tmp_path, explorer):
    make_shelf(tmp_path / "shelf.index", np.random.default_rng(7))
    limits = {"body_bytes": 100_000, "read_seconds": 1.0}
    snapshots = str(tmp_path / "snapshots")
    with running(
        tmp_path / "shelf.index", encoder=True, limits=limits, snapshots=snapshots, explorer=explorer
    ) as client:
        _ask_everything(client, tmp_path)


def _ask_everything(client, tmp_path):
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(client.ask("GET", "/openapi.json")[2]))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(described), "--url", client.address]
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    options = ["--checks", checks, "--max-examples", "25", "--seed", "7", "--phases", "examples,coverage,fuzzing"]
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
