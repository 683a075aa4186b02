"""An index that `save` wrote is served from memory: it takes no writes, which would not outlive the server."""

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.calibrate import calibrate, read_calibration
from keras_similarity.calibrate.kept import with_calibration
from keras_similarity.index.folder import replace_folder
from serve.serving import running, wait_until

LABELS = ["east", "north"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A client of a saved index of 80 rows that keeps its calibration, as `model.save_index` does; its folder."""
    rng, folder = np.random.default_rng(5), tmp_path_factory.mktemp("saved")
    rows = np.repeat(np.eye(3)[:2], 40, axis=0) + 0.05 * rng.normal(size=(80, 3))
    labels = np.repeat(LABELS, 40).tolist()
    index = ks.Index(3)
    index.add(rows, labels)
    queries = np.concatenate([rows + 0.1 * rng.normal(size=rows.shape), np.tile([0.0, 0, 1], (20, 1))])
    kept = calibrate(index, queries, [*labels, *["nowhere"] * 20])
    replace_folder(folder / "shelf.index", *with_calibration(kept, *index.to_arrays()))
    with running(folder / "shelf.index", explorer=10, snapshots=str(folder / "snapshots")) as client:
        yield client, folder


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "items:batch", {"items": [{"id": "new", "vector": [1, 2, 3]}]}),
        ("POST", "items:relabel", {"items": [{"id": 3, "label": "south"}]}),
        ("DELETE", "items/3", None),
    ],
)
def test_write__is_refused_and_says_where_one_would_stay(saved, method, path, body):
    client, _ = saved
    status, _, answer = client.ask(method, f"/v1/indexes/shelf/{path}", body)
    assert status == 403, answer
    assert "read into memory" in answer["detail"]
    assert "Index(dim, store=PATH)" in answer["detail"]
    assert client.ask("GET", "/v1/indexes/shelf")[2]["size"] == 80
    assert client.ask("GET", "/v1/indexes/shelf/items/3")[2]["label"] == "east"
    assert client.ask("GET", "/readyz")[0] == 200


def test_what_changes_nothing__goes_on(saved):
    client, folder = saved
    assert client.query({"id": 3, "k": 5})[0] == 200
    assert client.ask("POST", "/v1/indexes/shelf/reload", {})[::2] == (200, {"size": 80})
    status, _, body = client.ask("POST", "/v1/indexes/shelf/snapshots", {})
    assert status == 201
    copied = folder / "snapshots" / body["snapshot"]
    with ks.Index.open(copied) as copy:
        assert len(copy) == 80
    assert read_calibration(copied).cutpoints == read_calibration(folder / "shelf.index").cutpoints
    wait_until(lambda: client.ask("GET", "/v1/indexes/shelf/map")[0] == 200)


def test_calibration_that_the_model_kept_in_it__decides(saved):
    client, _ = saved
    assert client.ask("GET", "/v1/indexes/shelf")[2]["calibrated"] is True
    status, _, body = client.ask("POST", "/v1/indexes/shelf/match", {"vectors": [[1, 0.1, 0], [0, 0, 1]]})
    assert status == 200, body
    assert [one["label"] for one in body["results"]] == ["east", None]
