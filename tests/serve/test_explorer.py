"""What the explorer page asks: maps, selections, previews, findings, and labels put right."""

import io
import struct
import urllib.request
import zlib

import numpy as np
import pytest
from PIL import Image as image

import keras_similarity as ks
from serve.serving import running

COUNT, DRAWN = 300, 100


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """A client of a served index with pictures, its vectors and labels."""
    folder = tmp_path_factory.mktemp("looked") / "shelf.index"
    rng = np.random.default_rng(11)
    labels = [f"class {row % 3}" for row in range(COUNT - 1)] + ["rare"]
    centres = rng.normal(size=(4, 3)) * 5
    vectors = (
        centres[[int(label[-1]) if label != "rare" else 3 for label in labels]] + rng.normal(size=(COUNT, 3))
    ).astype(np.float32)
    data = [*_data(rng), *[None] * COUNT][:COUNT]
    with ks.Index(3, store=folder, distance="euclidean") as index:
        index.add(vectors, labels, data=data, metadata=[{"row": row} for row in range(COUNT)])
    with running(folder, explorer=DRAWN, limits={"image_pixels": 10_000}) as client:
        yield client, vectors, labels


def _data(rng):
    files = {}
    for kind, side in (("PNG", 40), ("JPEG", 40), ("GIF", 40), ("WEBP", 200)):
        content = io.BytesIO()
        image.fromarray(rng.integers(0, 255, (side, side, 3)).astype(np.uint8)).save(content, kind)
        files[kind] = content.getvalue()
    return [
        rng.integers(0, 255, (28, 28)).astype(np.uint8),
        rng.random((30, 20, 3)),
        files["PNG"],
        files["JPEG"],
        files["GIF"],
        files["WEBP"],
        "a text <b>of</b> an item " * 30,
        b"no image",
        rng.random((200, 201)) > 0.5,
        files["PNG"][:60],
        {"a": 1},
    ]


def ask_map(client, **words):
    return wait_for(client, "/map" + ("?renew=true" if words.get("renew") else ""))


def wait_for(client, path):
    """The answer to what takes its time, asked for until it is there."""
    for _ in range(100):
        status, _, answer = client.ask("GET", f"/v1/indexes/shelf{path}")
        if status != 202:
            return answer
        assert answer == {"ready": False}
        path = path.partition("?")[0]
    pytest.fail(f"{path} is never ready")


def ask_points(client, about, **view):
    query = "&".join(f"{name}={value}" for name, value in {"map": about["map"], **view}.items())
    with urllib.request.urlopen(f"{client.address}/v1/indexes/shelf/map/points?{query}") as answer:
        content = answer.read()
    size, total = struct.unpack("<II", content[:8])
    columns = [
        np.frombuffer(content[8 + 4 * size * part :], kind, size)
        for part, kind in enumerate(("<u4", "<i4", "<f4", "<f4"))
    ]
    assert len(content) == 8 + 16 * size
    return total, *columns


def test_a_map__tells_labels_bounds_and_how_much_is_drawn(looked):
    client, vectors, _ = looked
    about = ask_map(client)
    assert about["size"] == COUNT
    assert about["drawn"] == DRAWN
    assert about["bounds"] == pytest.approx([*vectors[:, :2].min(axis=0), *vectors[:, :2].max(axis=0)])
    assert {line["label"]: line["count"] for line in about["labels"]} == {
        "class 0": 100,
        "class 1": 100,
        "class 2": 99,
        "rare": 1,
    }
    assert about["current"]
    assert not about["calibrated"]


def test_its_points__are_where_the_items_are_and_each_label_in_proportion(looked):
    client, vectors, labels = looked
    about = ask_map(client)
    total, rows, codes, x, y = ask_points(client, about)
    assert total == COUNT
    assert len(set(rows.tolist())) == DRAWN
    np.testing.assert_allclose(np.stack([x, y], axis=1), vectors[rows, :2])
    named = [about["labels"][code]["label"] for code in codes]
    assert named == [labels[row] for row in rows]
    counts = {label: named.count(label) for label in set(labels)}
    assert counts.pop("rare") == 1  # one of each is always there
    assert all(32 <= count <= 34 for count in counts.values())


def test_a_rectangle__has_every_point_when_they_are_few(looked):
    client, vectors, _ = looked
    x0, y0 = np.quantile(vectors[:, :2], 0.3, axis=0).tolist()
    x1, y1 = np.quantile(vectors[:, :2], 0.6, axis=0).tolist()
    inside = ((vectors[:, :2] >= [x0, y0]) & (vectors[:, :2] <= [x1, y1])).all(axis=1)
    total, rows, *_ = ask_points(client, ask_map(client), x0=x0, y0=y0, x1=x1, y1=y1)
    assert total == inside.sum() < DRAWN
    assert set(rows.tolist()) == set(np.flatnonzero(inside).tolist())


def test_a_rectangle__of_more_than_are_drawn__has_those_whose_turn_comes_first(looked):
    about = ask_map(looked[0])
    x0, y0, x1, y1 = about["bounds"]
    total, rows, *_ = ask_points(looked[0], about, x0=x0, y0=y0, x1=x1, y1=y1)
    assert total == COUNT
    assert sorted(rows) == sorted(ask_points(looked[0], about)[1])


def test_a_polygon__selects_what_is_inside_drawn_or_not(looked):
    client, vectors, labels = looked
    about = ask_map(client)
    (x0, y0), (x1, y1) = vectors[:, :2].min(axis=0).tolist(), vectors[:, :2].max(axis=0).tolist()
    triangle = [[x0, y0], [x1, y0], [x0, y1]]
    expected = np.flatnonzero((vectors[:, 0] - x0) / (x1 - x0) + (vectors[:, 1] - y0) / (y1 - y0) < 1)
    body = {"map": about["map"], "polygon": triangle}
    answer = client.ask("POST", "/v1/indexes/shelf/map/select", body)[2]
    assert answer["total"] == len(expected) > 10
    corner = {int(vectors[:, 0].argmin()), int(vectors[:, 1].argmin())}  # on the outline itself
    assert set(answer["ids"]) | corner == set(expected.tolist()) | corner
    assert answer["labels"] == [labels[row] for row in answer["ids"]]
    fewer = client.ask("POST", "/v1/indexes/shelf/map/select", body | {"hidden": [0]})[2]
    assert fewer["ids"] == [row for row in answer["ids"] if labels[row] != "class 0"]


def test_rows_and_ids__lead_to_each_other(looked):
    client, vectors, _ = looked
    number = ask_map(client)["map"]
    [item] = client.ask("POST", "/v1/indexes/shelf/map/items", {"map": number, "rows": [7]})[2]["items"]
    assert item["id"] == 7
    assert [item["x"], item["y"]] == pytest.approx(vectors[7, :2].tolist())
    found = client.ask("POST", "/v1/indexes/shelf/map/locate", {"map": number, "ids": [7, "7", 3]})[2]["items"]
    assert found[0] == item
    assert found[1] is None
    assert found[2]["row"] == 3


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/map/points", None, 400),
        ("/map/points?map=1&x0=nan&y0=0&x1=1&y1=1", None, 400),
        ("/map/points?map=1&x0=0", None, 400),
        ("/map/points?map=x", None, 400),
        ("/map/points?map=999", None, 409),
        ("/map/select", {"map": 1, "polygon": [[0, 0], [1, 1]]}, 400),
        ("/map/select", {"map": 1, "polygon": [[0, 0]] * 501}, 400),
        ("/map/select", {"map": 1, "polygon": [[0, 0], [1, 1], ["a", 2]]}, 400),
        ("/map/select", {"map": 999, "polygon": [[0, 0], [1, 1], [0, 1]]}, 409),
        ("/map/items", {"map": 1, "rows": [COUNT]}, 400),
        ("/map/items", {"map": 1, "rows": [-1]}, 400),
        ("/map/items", {"map": 1, "rows": [0] * 257}, 413),
        ("/map/locate", {"map": 1, "ids": [0] * 1001}, 413),
        ("/map/decisions", None, 409),
        ("/calibration", None, 409),
        ("/previews/none", None, 404),
        ("/items:relabel", {"items": [{"id": "none", "label": "a"}]}, 404),
        ("/items:relabel", {"items": [{"id": 1, "label": {"a": 1}}]}, 400),
        ("/items:relabel", {"items": [{"id": 1, "label": "a"}] * 257}, 413),
    ],
)
def test_what_makes_no_sense__is_refused(looked, path, body, status):
    ask_map(looked[0])
    answer = looked[0].ask("GET" if body is None else "POST", f"/v1/indexes/shelf{path}", body)
    assert answer[0] == status, answer


def preview(client, item):
    with urllib.request.urlopen(f"{client.address}/v1/indexes/shelf/previews/{item}") as answer:
        return answer.status, answer.headers.get("content-type"), answer.read()


@pytest.mark.parametrize(("item", "size"), [(0, (28, 28)), (1, (20, 30)), (2, (40, 40)), (3, (40, 40))])
def test_a_preview__of_an_image__is_a_png(looked, item, size):
    status, kind, content = preview(looked[0], item)
    assert (status, kind) == (200, "image/png")
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == size
    assert zlib.crc32(content[12:29]) == struct.unpack(">I", content[29:33])[0]


def test_a_preview__of_a_text__is_its_beginning_as_plain_text(looked):
    status, kind, content = preview(looked[0], 6)
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert content.decode() == ("a text <b>of</b> an item " * 30)[:300]


@pytest.mark.parametrize("item", [4, 5, 7, 8, 9, 10, 11])
def test_a_preview__of_anything_else_or_too_large__is_empty(looked, item):
    assert preview(looked[0], item)[0] == 204


def test_findings__name_copies_and_wrong_labels_and_relabelling_keeps_the_rest(tmp_path):
    pytest.importorskip("pandas", reason="an extra (data); make test-all has it")
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0, 0], [20, 0, 0]])
    vectors = (centres[np.arange(80) % 2] + rng.normal(size=(80, 3))).astype(np.float32)
    labels = np.array(["a", "b"])[np.arange(80) % 2].astype(object)
    labels[10] = "b"
    vectors[21] = vectors[33]
    with ks.Index(3, store=tmp_path / "shelf.index", distance="euclidean") as index:
        index.add(vectors, labels.tolist(), data=[f"text {row}" for row in range(80)], metadata=[{"row": 1}] * 80)
    with running(tmp_path / "shelf.index", explorer=50) as client:
        issues = wait_for(client, "/label-issues")
        assert issues["examined"] == issues["size"] == 80
        assert [(line["id"], line["label"], line["suggested"]) for line in issues["lines"]] == [(10, "b", "a")]
        copies = wait_for(client, "/duplicates")
        assert {21, 33} <= {line["id"] for line in copies["lines"] if line["group"] == 0}
        before = client.ask("GET", "/v1/indexes/shelf/items/10")[2]
        answer = client.ask("POST", "/v1/indexes/shelf/items:relabel", {"items": [{"id": 10, "label": "a"}]})
        assert answer[2] == {"relabelled": 1}
        assert client.ask("GET", "/v1/indexes/shelf/items/10")[2] == before | {"label": "a"}
        assert client.ask("GET", "/v1/indexes/shelf/previews/10")[2] == "text 10"
        assert not ask_map(client)["current"]
        assert ask_map(client, renew=True)["current"]
        answer = wait_for(client, "/label-issues?renew=true")
        assert answer["lines"] == []


def test_decisions__are_those_that_calibration_would_make(tmp_path):
    from keras_similarity.calibrate import calibrate

    rng = np.random.default_rng(5)
    labels = (np.arange(60) % 3).tolist()
    centres = rng.normal(size=(3, 4)) * 3
    vectors = (centres[labels] + rng.normal(size=(60, 4))).astype(np.float32)
    others = (centres[labels] + rng.normal(size=(60, 4))).astype(np.float32)
    with ks.Index(4, store=tmp_path / "shelf.index", distance="euclidean") as index:
        index.add(vectors, labels)
        calibration = calibrate(index, others, labels)
        calibration.save(tmp_path / "shelf.index" / "calibration.npz")
    with running(tmp_path / "shelf.index", explorer=1000) as client:
        curves = client.ask("GET", "/v1/indexes/shelf/calibration")[2]
        optimal = next(point for point in curves["cutpoints"] if point["name"] == "optimal")
        assert optimal["distance"] == calibration.cutpoints["optimal"]["distance"]
        assert curves["thresholds"]["distance"] == calibration.thresholds["distance"].tolist()
        items = wait_for(client, "/map/decisions")["items"]
    gaps = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert [item["id"] for item in items] == list(range(60))
    np.testing.assert_allclose([item["distance"] for item in items], gaps.min(axis=1), rtol=1e-5)
    assert [item["right"] for item in items] == [
        labels[near] == label for near, label in zip(gaps.argmin(axis=1), labels, strict=True)
    ]


@pytest.mark.parametrize("path", ["//v1/indexes/shelf/previews/1", "/v1/indexes/shelf/previews%2F1"])
def test_a_preview__at_a_path_with_slashes_elsewhere__is_none(looked, path):
    assert looked[0].ask("GET", path)[0] == 404


def test_a_preview__asked_for_in_part__is_given_whole(looked):
    whole = preview(looked[0], 2)[2]
    for part in ("bytes=0-9", "bytes=-5", "bytes=999999-", "bytes=9-0", "pages=1-2"):
        asked = urllib.request.Request(f"{looked[0].address}/v1/indexes/shelf/previews/2", headers={"range": part})
        with urllib.request.urlopen(asked) as answer:
            assert (answer.status, answer.read()) == (200, whole)
