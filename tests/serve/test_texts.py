"""Texts behind HTTP, by a Keras model that takes strings on every backend."""

import numpy as np
import pytest

import keras_similarity as ks
from serve.programs import serving
from serve.text_shelf import TEXTS, make_text_shelf

pytest.importorskip("keras", reason="the text model is Keras's; make test-all has it")
pytestmark = [pytest.mark.training, pytest.mark.slow]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A text model in a file, an index of its embeddings, and the model."""
    folder = tmp_path_factory.mktemp("texts")
    return folder, make_text_shelf(folder)


def test_text_query__finds_what_the_model_finds(work):
    folder, model = work
    asked = ["a car", "boats on the sea"]
    with serving(folder / "shelf.index", "--encoder", folder / "texts.keras") as client:
        for text in asked:
            status, _, body = client.query({"text": text, "k": len(TEXTS)})
            assert status == 200
            expected = 1 - model.embed(TEXTS) @ model.embed([text])[0]
            order = np.argsort(expected)
            assert [item["label"] for item in body["results"][0]] == [TEXTS[row] for row in order]
            np.testing.assert_allclose([item["distance"] for item in body["results"][0]], expected[order], atol=1e-5)
        both = client.query({"texts": asked, "k": 3})[2]["results"]
        alone = [client.query({"text": text, "k": 3})[2]["results"][0] for text in asked]
        assert [[item["id"] for item in found] for found in both] == [[item["id"] for item in found] for found in alone]
        item = {"id": "new", "text": "a ship at sea", "label": "ship"}
        assert client.ask("POST", "/v1/indexes/shelf/items:batch", {"items": [item]})[0] == 200
        assert client.query({"text": "a ship at sea", "k": 1})[2]["results"][0][0]["label"] == "ship"
        assert client.ask("DELETE", "/v1/indexes/shelf/items/new")[2] == {"deleted": 1}
        data = client.ask("POST", "/v1/embeddings", {"model": "texts", "input": asked})[2]["data"]
        np.testing.assert_allclose([row["embedding"] for row in data], model.embed(asked), atol=1e-5)
        assert client.query({"text": "", "k": 1})[0] == 200  # a text without words has an embedding of its own
        assert client.query({"text": "é 猫 🙂", "k": 1})[0] == 200


def test_commands__embed_and_query_texts(work, tmp_path):
    import json
    import subprocess
    import sys
    from pathlib import Path

    from pyarrow import parquet, table

    folder, model = work
    command = Path(sys.executable).with_name("keras-similarity")
    parquet.write_table(table({"id": list(range(len(TEXTS))), "text": TEXTS}), tmp_path / "texts.parquet")
    embed = ["embed", folder / "texts.keras", tmp_path / "texts.parquet", "--out", tmp_path / "v.parquet", "--json"]
    made = subprocess.run([command, *embed], capture_output=True, text=True, check=True)
    assert json.loads(made.stdout)["rows"] == len(TEXTS)
    (batch,) = ks.export.read_parquet(tmp_path / "v.parquet")
    np.testing.assert_allclose(batch.vectors, model.embed(TEXTS), atol=1e-5)
    query = ["query", folder / "shelf.index", "--text", "two cats", "--encoder", folder / "texts.keras", "--json"]
    found = subprocess.run([command, *query], capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(found[0])["label"] == "two cats"
