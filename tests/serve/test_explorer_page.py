"""The files of the explorer page: what their headers allow, and who may have them."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_similarity.serve
from keras_similarity.errors import MissingExtraError
from keras_similarity.serve.explorer.page_files import page_files
from serve.serving import make_shelf, running

PAGE = Path(keras_similarity.serve.__file__).parent / "page"
FILES = sorted(path.name for path in PAGE.iterdir())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A client of a server with the page, a key to read and one to write."""
    folder = tmp_path_factory.mktemp("guarded") / "shelf.index"
    make_shelf(folder, np.random.default_rng(7), count=20)
    with running(folder, explorer=10, read=["a-key-that-may-read"], write=["a-key-that-may-write"]) as client:
        yield client


def test_the_page__needs_no_key_and_allows_no_other_origin(guarded):
    status, headers, body = guarded.ask("GET", "/explorer/")
    assert status == 200
    assert body.startswith("<!doctype html>")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not [part for value in policy.values() for part in value.split() if part[0] != "'" and part != "blob:"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", [name for name in FILES if name != "index.html"] + ["plotly.min.js"])
def test_its_files__are_served_with_their_types(guarded, name):
    status, headers, _ = guarded.ask("GET", f"/explorer/{name}")
    assert status == 200
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert headers["content-type"].startswith(kinds[name.rsplit(".", 1)[1]])


@pytest.mark.parametrize(
    "path",
    [
        "/explorer/../v1/indexes",
        "/explorer/none.js",
        "/explorer/..%2f..%2fapp.py",
        "/explorer//v1/indexes",
        "/v1/indexes",
    ],
)
def test_other_paths__need_a_key(guarded, path):
    assert guarded.ask("GET", path)[0] == 401


def test_the_page__takes_no_other_method(guarded):
    assert guarded.ask("POST", "/explorer/", {})[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/map", None, 200),
        ("GET", "/duplicates", None, 200),
        ("POST", "/map/select", {"map": 1, "polygon": [[-9, -9], [9, -9], [9, 9], [-9, 9]]}, 200),
        ("POST", "/map/items", {"map": 1, "rows": [0]}, 200),
        ("POST", "/map/locate", {"map": 1, "ids": [0]}, 200),
        ("POST", "/items:relabel", {"items": [{"id": 0, "label": "new"}]}, 403),
    ],
)
def test_a_key_to_read__looks_but_changes_nothing(guarded, method, path, body, status):
    if path == "/duplicates":
        pytest.importorskip("pandas", reason="an extra (data); make test-all has it")
    guarded.ask("GET", "/v1/indexes/shelf/map", headers={"x-api-key": "a-key-that-may-read"})
    address = f"/v1/indexes/shelf{path}"
    assert guarded.ask(method, address, body)[0] == 401
    assert guarded.ask(method, address, body, headers={"x-api-key": "a-key-that-may-read"})[0] in (status, 202)


def test_a_server_without_the_page__has_none_of_its_routes(shelf):
    client = shelf[0]
    for path in ("/explorer/", "/v1/indexes/shelf/map", "/v1/indexes/shelf/previews/1"):
        assert client.ask("GET", path)[0] == 404


def test_the_sources__make_no_markup_of_texts_and_name_no_other_place():
    for path in PAGE.iterdir():
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path
        )
        assert not [url for url in re.findall(r"https?://[^\"'\s]+", text) if url != "http://www.w3.org/2000/svg"], path
        assert not re.search(r"<script(?![^>]*src=)| on[a-z]+=\"|style=\"", text), path


def test_without_plotly__says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingExtraError, match=r"keras-similarity\[serve\]"):
        page_files()
