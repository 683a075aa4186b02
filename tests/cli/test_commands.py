"""The commands as a user types them: a folder of images becomes a served, searchable index in four."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import keras_similarity as ks
from cli.colored_images import write_colored_images

pytestmark = pytest.mark.slow
COMMAND = Path(sys.executable).with_name("keras-similarity")
COLORS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "grey": (128, 128, 128)}


def run(*arguments, code=0, **environment):
    done = subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout[-1500:]}{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr
    return done


def said(*arguments, **environment):
    return json.loads(run(*arguments, "--json", **environment).stdout)


def lines(*arguments):
    return [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Images of four colours, and what `train`, `embed` and `index build` made of them."""
    folder = tmp_path_factory.mktemp("work")
    write_colored_images(folder / "images", COLORS)
    trained = said("train", folder / "images", "--out", folder / "model.keras", "--size", 16, "--steps", 12)
    assert trained["classes"] == 4
    assert said("embed", folder / "model.keras", folder / "images", "--out", folder / "vectors.parquet")["rows"] == 40
    built = said("index", "build", folder / "vectors.parquet", folder / "shelf.index")
    assert (built["items"], built["dim"]) == (40, 64)
    return folder


def test_four_commands__serve_a_searchable_index(work):
    command = [COMMAND, "serve", work / "shelf.index", "--encoder", work / "model.keras", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        address = re.search(r"serving at (http\S+)", process.stderr.readline())[1]
        _until_ready(address)
        import base64

        content = base64.b64encode((work / "images" / "red" / "3.png").read_bytes()).decode()
        body = json.dumps({"image": content, "k": 5}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{address}/v1/indexes/shelf/query", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            (found,) = json.load(answer)["results"]
        assert found[0]["id"] == "red/3.png"
        assert found[0]["distance"] < 1e-5
        assert [item["label"] for item in found] == ["red"] * 5
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        process.stderr.close()


def _until_ready(address):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it was never ready")


def test_query__by_id_image_and_vector(work):
    assert [row["label"] for row in lines("query", work / "shelf.index", "--id", "blue/1.png", "-k", "4")] == [
        "blue"
    ] * 4
    by_image = ["--image", work / "images" / "green" / "2.png", "--encoder", work / "model.keras", "-k", "2"]
    assert lines("query", work / "shelf.index", *by_image)[0]["id"] == "green/2.png"
    with ks.Index.open(work / "shelf.index", read_only=True) as index:
        vector = index.get(["grey/5.png"])[0].embedding.tolist()
    found = lines("query", work / "shelf.index", "--vector", json.dumps(vector), "--where", '{"label": "grey"}')
    assert found[0]["id"] == "grey/5.png"
    assert {row["label"] for row in found} == {"grey"}
    assert "rank" in run("query", work / "shelf.index", "--id", "blue/1.png").stdout


def test_evaluate_calibrate_match_duplicates(work):
    scores = said("evaluate", work / "shelf.index", work / "vectors.parquet", "--same-ids", "--metric", "recall@1")
    assert scores == {"queries": 40, "recall@1": 1.0}
    run("match", work / "shelf.index", work / "vectors.parquet", code=1)
    target = ["--target", "precision >= 0.9"]
    points = lines("calibrate", work / "shelf.index", work / "vectors.parquet", *target)
    assert {point["name"] for point in points} >= {"optimal", "precision >= 0.9"}
    matches = lines("match", work / "shelf.index", work / "images", "--encoder", work / "model.keras")
    assert [row["label"] for row in matches] == [row["query"].split("/")[0] for row in matches]
    (work / "copy").mkdir()
    copied = run("index", "snapshot", work / "shelf.index", work / "copy" / "one.index")
    assert "one.index" in copied.stdout
    with ks.Index.open(work / "copy" / "one.index") as index:
        index.add(index.get(["red/1.png"])[0].embedding[None], ["green"], ids=["twin"])
    pairs = lines("duplicates", work / "copy" / "one.index", "--threshold", "0.001")
    assert {row["id"] for row in pairs} == {"red/1.png", "twin"}
    assert lines("match", work / "copy" / "one.index", work / "vectors.parquet")[0]["label"] is not None


def test_index__add_remove_info_check_compact_restore(work, tmp_path):
    copy = tmp_path / "copy.index"
    run("index", "restore", work / "shelf.index", copy)
    assert said("index", "add", work / "vectors.parquet", copy) == {"added": 0, "items": 40}
    assert said("index", "remove", copy, "red/1.png", "nobody") == {"removed": 1, "items": 39}
    assert said("index", "remove", copy, "--where", '{"label": "blue"}') == {"removed": 10, "items": 29}
    assert said("index", "compact", copy)["removed"] == 0
    assert said("index", "info", copy)["items"] == 29
    assert said("index", "check", copy)["ok"] is True
    run("index", "restore", work / "shelf.index", copy, code=1)
    run("index", "build", work / "vectors.parquet", copy, code=1)


def test_damaged_index__exits_3_and_repair_goes_on(work, tmp_path):
    copy = tmp_path / "copy.index"
    run("index", "restore", work / "shelf.index", copy)
    (segment,) = (copy / "segments").iterdir()
    content = bytearray(segment.read_bytes())
    content[-3] ^= 255
    segment.write_bytes(content)
    assert "damaged" in run("index", "check", copy, code=3).stderr
    assert "ok" in run("index", "check", copy, "--repair").stdout
    run("index", "check", copy)


def test_locked_index__exits_4_and_names_the_owner(work, tmp_path):
    copy = tmp_path / "copy.index"
    run("index", "restore", work / "shelf.index", copy)
    with ks.Index.open(copy) as index:
        index.remove(["red/1.png"])
        assert str(os.getpid()) in run("index", "remove", copy, "red/2.png", code=4).stderr
        assert str(os.getpid()) in said("doctor", copy)["writer"]


def test_train__interrupted__goes_on_to_the_same_model(work, tmp_path):
    arguments = ["train", work / "images", "--size", 16, "--steps", 150, "--seed", 3]
    whole, out = tmp_path / "whole.keras", tmp_path / "model.keras"
    assert said(*arguments, "--out", whole)["resumed"] == 0
    backup = Path(f"{out}.backup")
    command = [COMMAND, *map(str, arguments), "--out", out, "--json"]
    for least in (3, 20):  # once, and once more after it went on
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 120
        while process.poll() is None and not any(int(path.name[:8]) > least for path in backup.glob("0*.h5")):
            assert time.monotonic() < end
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout) == (130, ""), stderr
        assert "interrupted" in stderr
        assert "Traceback" not in stderr
        assert not out.exists()
    assert "left by a training" in run(*arguments[:-1], 4, "--out", out, code=1).stderr
    (backup / "new.weights.h5").write_bytes(b"half of it")  # as kill -9 in the middle of writing leaves it
    done = said(*arguments, "--out", out)
    assert done["resumed"] > 20
    assert not backup.exists()
    one, other = (load_weights(path) for path in (whole, out))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def load_weights(path):
    from keras_similarity.models import load_model

    return load_model(path, compile=False).get_weights()


INTERRUPTED = """
from keras_similarity.cli import main
from keras_similarity.embed import executors

real, calls = executors.write_shard, []

def shard(*arguments):
    calls.append(1)
    if len(calls) > MOST:
        raise KeyboardInterrupt
    return real(*arguments)

executors.write_shard = shard
main()
"""


def test_embed__interrupted__goes_on_where_it_was(work, tmp_path):
    out = tmp_path / "vectors.parquet"
    arguments = ["embed", work / "model.keras", work / "images", "--out", out, "--shard-rows", "8"]

    def embed(most):
        command = [sys.executable, "-c", INTERRUPTED.replace("MOST", str(most)), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert embed(3).returncode == 130
    assert len(list(Path(f"{out}.parts").glob("shard-*"))) == 3
    done = embed(2)  # two parts are left of five
    assert done.returncode == 0, done.stderr
    assert not Path(f"{out}.parts").exists()
    run("index", "build", out, tmp_path / "from_file.index")
    folder = tmp_path / "vectors"
    assert said(*arguments[:-3], folder, *arguments[-2:])["rows"] == 40
    assert said("index", "build", folder, tmp_path / "from_shards.index")["items"] == 40
    ours, whole = (next(ks.export.read_parquet(path)) for path in (out, work / "vectors.parquet"))
    assert ours.ids == whole.ids
    np.testing.assert_allclose(ours.vectors, whole.vectors, atol=1e-5)


def test_options__come_from_the_command_line_then_the_environment_then_the_file(work, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[query]\nk = 3\n")
    ask = ["query", work / "shelf.index", "--id", "red/1.png", "--json"]
    named = {"KERAS_SIMILARITY_CONFIG": str(file)}
    assert len(run(*ask, **named).stdout.splitlines()) == 3
    assert len(run(*ask, **named, KERAS_SIMILARITY_QUERY_K="2").stdout.splitlines()) == 2
    assert len(run(*ask, "-k", "1", **named, KERAS_SIMILARITY_QUERY_K="2").stdout.splitlines()) == 1
    file.write_text("[query]\nkk = 3\n")
    assert "Did you mean 'k'?" in run(*ask, code=1, **named).stderr


def test_serve__another_model_than_the_one_that_is_pinned__ends_with_1(work):
    arguments = ["serve", work / "shelf.index", "--port", 0, "--encoder", work / "model.keras", "--model-sha256"]
    assert "another model" in run(*arguments, "0" * 64, code=1).stderr
    assert "--encoder" in run("serve", work / "shelf.index", "--model-sha256", "0" * 64, code=1).stderr


def test_model_whose_weights_lead_elsewhere__is_refused_by_every_command(work, tmp_path):
    import io
    import zipfile

    import h5py

    bad = tmp_path / "bad.keras"
    with zipfile.ZipFile(work / "model.keras") as good, zipfile.ZipFile(bad, "w") as made:
        for name in good.namelist():
            content = io.BytesIO(good.read(name))
            if name.endswith(".h5"):
                with h5py.File(content, "r+") as weights:
                    weights["layers/secret"] = h5py.ExternalLink("/etc/secret.h5", "/")
            made.writestr(name, content.getvalue())
    images = work / "images"
    for arguments in (
        ["query", work / "shelf.index", "--image", images / "red" / "3.png", "--encoder", bad],
        ["embed", bad, images, "--out", tmp_path / "v.parquet"],
        ["export", bad, tmp_path / "m.onnx", "--to", "onnx"],
        ["index", "build", images, tmp_path / "bad.index", "--encoder", bad],
        ["serve", work / "shelf.index", "--port", 0, "--encoder", bad],
    ):
        assert "has a link" in run(*arguments, code=1).stderr


def test_serve__another_host_without_keys__is_refused(work):
    assert "--api-key-file" in run("serve", work / "shelf.index", "--host", "0.0.0.0", code=1).stderr


@pytest.mark.parametrize("to", ["parquet", "faiss", "qdrant", "pgvector"])
def test_export_of_an_index(work, tmp_path, to):
    assert said("export", work / "shelf.index", tmp_path / "out", "--to", to)["rows"] == 40
    assert (tmp_path / "out").stat().st_size > 40 * 64 * 4
