"""The server behind nginx with TLS, as the guide says, and the guides' curl lines. Without these programs they fail."""

import base64
import io
import json
import os
import ssl
import subprocess
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
from PIL import Image as image

import keras_similarity as ks
from serve.nginx import blocks, guide, make_certificate, program, proxy
from serve.serving import running
from serve.several import free_port

pytestmark = pytest.mark.proxy
ROOT = Path(__file__).parents[2]
NAME = "search.example.org"
KEY = "k" * 32


def make_index(folder, rng):
    """An index called "my" that has the items of the guides' lines."""
    kinds = ["cats", "dogs"]
    ids = [f"{kind}/{number}.png" for kind in kinds for number in range(6)]
    with ks.Index(3, store=folder / "my.index") as index:
        index.add(rng.normal(size=(12, 3)), [name[:3] for name in ids], ids=ids)
    return folder / "my.index"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """A client of the server itself, the address of nginx in front of it, and the certificate."""
    folder = tmp_path_factory.mktemp("proxy")
    certificate, key = make_certificate(folder, NAME)
    limits = {"body_bytes": 1_000_000}
    index = make_index(folder, np.random.default_rng(5))
    with running(index, write=[KEY], encoder=True, explorer=50, hosts=[NAME], limits=limits) as client:
        port = free_port()
        ours = {
            "127.0.0.1:8000": f"127.0.0.1:{client.port}",
            "listen 443": f"listen 127.0.0.1:{port}",
            f"/etc/ssl/certs/{NAME}.pem": str(certificate),
            f"/etc/ssl/private/{NAME}.key": str(key),
        }
        with proxy(folder, guide(ours), port):
            yield client, port, certificate


@pytest.fixture
def https(proxied):
    _, port, certificate = proxied
    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(base_url=f"https://localhost:{port}", verify=context, timeout=20) as session:
        session.headers["authorization"] = f"Bearer {KEY}"
        yield session


def test_requests_through_the_proxy__are_answered_as_without(proxied, https, rng):
    client = proxied[0]
    for _ in range(20):  # on connections that both sides keep
        body = {"vector": rng.normal(size=3).tolist(), "k": 4}
        own = client.ask("POST", "/v1/indexes/my/query", body, headers={"authorization": f"Bearer {KEY}"})[2]
        assert https.post("/v1/indexes/my/query", json=body).json() == own
    answer = https.post("/v1/indexes/my/items:batch", json={"items": [{"id": "ü/1", "vector": [1, 2, 3]}]})
    assert answer.json() == {"upserted": 1}
    assert https.get("/v1/indexes/my/items/%C3%BC%2F1").json()["vector"] == [1, 2, 3]
    assert https.delete("/v1/indexes/my/items/%C3%BC%2F1").json() == {"deleted": 1}
    assert https.get("/explorer/").headers["content-security-policy"].startswith("default-src 'none'")


def test_refusals__come_through_with_their_reasons(https):
    path = "/v1/indexes/my/query"
    assert https.post(path, json={"vector": [1, 2, 3]}, headers={"authorization": "Bearer wrong"}).status_code == 401
    too_large = https.post(path, content=b" " * 2_000_000, headers={"content-type": "application/json"})
    assert too_large.status_code == 413
    assert "--body-bytes" in too_large.json()["detail"]
    assert https.post(path, json={"vector": [1, 2, 3]}, headers={"host": "evil.example"}).status_code == 421
    assert https.post(path, json={"vector": [1, 2]}).headers["content-type"] == "application/problem+json"


def test_page_of_this_origin__may_ask_and_of_another_may_not(https):
    own = str(https.base_url).rstrip("/")
    for origin, status in ((own, 200), ("https://evil.example", 403)):
        answer = https.post("/v1/indexes/my/query", json={"vector": [1, 2, 3]}, headers={"origin": origin})
        assert answer.status_code == status


def test_openai_client__over_tls(https):
    file = io.BytesIO()
    image.new("RGB", (8, 8), (10, 20, 30)).save(file, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    api = openai.OpenAI(base_url=https.base_url.join("/v1"), api_key=KEY, http_client=https, max_retries=0)
    answer = api.embeddings.create(model="means", input=[url])
    np.testing.assert_allclose(answer.data[0].embedding, np.array([10, 20, 30]) / 255 + 0.01, atol=1e-6)


def curl_lines(path):
    """Every curl command of a page's shell blocks, continued lines joined."""
    text = "\n".join(blocks("sh", path)).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip().startswith("curl ")]


PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if curl_lines(path)]


def test_there_are_curl_lines_to_run():
    assert {path.name for path in PAGES} >= {"serving.md", "deploy.md"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_curl_lines_of_the_pages__are_answered(proxied, path):
    client, port, certificate = proxied
    program("curl")
    # A line for loopback needs no key there: the server here has one, so that the proxy's lines can use it.
    keyed = f"curl -H 'authorization: Bearer {KEY}' "
    for line in curl_lines(path):
        command = line.replace("localhost:8000", f"localhost:{client.port}")
        if NAME in command:
            tls = f"curl --cacert {certificate} --resolve {NAME}:{port}:127.0.0.1 "
            command = command.replace("curl ", tls, 1).replace(f"https://{NAME}/", f"https://{NAME}:{port}/")
        elif "authorization" not in command:
            command = command.replace("curl ", keyed, 1)
        done = subprocess.run(
            command, shell=True, executable="/bin/bash", capture_output=True, text=True, env=os.environ | {"KEY": KEY}
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        answer = json.loads(done.stdout)
        assert "detail" not in answer, answer
        if "/query" in command:
            assert answer["results"][0]
