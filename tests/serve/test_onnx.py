"""An ONNX model behind HTTP, where no deep-learning framework can be imported."""

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as image

import keras_similarity as ks
from serve.programs import FRAMEWORKS, PROGRAM, WITHOUT, serving

EXTRA = "an extra (onnx); make test-all has it"
onnx = pytest.importorskip("onnx", reason=EXTRA)
pytest.importorskip("onnxruntime", reason=EXTRA)
from onnx import TensorProto, helper, numpy_helper  # noqa: E402  after the skip

WORDS = ["a", "red", "blue", "green", "car", "cat", "house", "old", "new", "the"]


def model(nodes, inputs, width, weights, *, opset=20):
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width])]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "encoder", [inputs], outputs, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(made)
    return made


def image_model(rng):
    """Pixels 0–255 → the unit vector of a projection of their means; it says that it scales by itself."""
    weights = {"axes": np.array([1, 2]), "matrix": rng.normal(size=(3, 5)).astype(np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "matrix"], ["projected"]),
        helper.make_node("LpNormalization", ["projected"], ["embedding"], axis=-1, p=2),
    ]
    inputs = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 8, 8, 3])
    made = model(nodes, inputs, 5, weights)
    helper.set_model_props(made, {"keras_similarity": '{"pixels": 255}'})
    return made, lambda pixels: unit(pixels.mean(axis=(1, 2)) @ weights["matrix"])


def text_model(rng):
    """A text → the unit vector of the sum of its words' vectors: strings go in."""
    weights = {"matrix": rng.normal(size=(len(WORDS), 4)).astype(np.float32)}
    about = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "ngram_counts": [0]}
    nodes = [
        helper.make_node("StringNormalizer", ["texts"], ["lower"], case_change_action="LOWER", locale="C"),
        helper.make_node("StringSplit", ["lower"], ["words", "counts"], delimiter=" "),
        helper.make_node(
            "TfIdfVectorizer", ["words"], ["bag"], pool_strings=WORDS, ngram_indexes=list(range(len(WORDS))), **about
        ),
        helper.make_node("MatMul", ["bag", "matrix"], ["summed"]),
        helper.make_node("LpNormalization", ["summed"], ["embedding"], axis=-1, p=2),
    ]
    inputs = helper.make_tensor_value_info("texts", TensorProto.STRING, ["n"])

    def embed(texts):
        return unit(
            np.stack([weights["matrix"][[WORDS.index(word) for word in text.split()]].sum(0) for text in texts])
        )

    return model(nodes, inputs, 4, weights), embed


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_frameworks_are_out_of_reach__in_the_server_these_tests_start():
    for name in FRAMEWORKS:
        done = subprocess.run([sys.executable, "-c", f"{WITHOUT}\nimport {name}"], capture_output=True, check=False)
        assert b"ModuleNotFoundError" in done.stderr
    assert "import" in PROGRAM


def test_images__are_searched_without_a_framework(tmp_path, rng):
    made, embed = image_model(rng)
    onnx.save(made, tmp_path / "means.onnx")
    pixels = rng.integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    with ks.Index(5, store=tmp_path / "shelf.index") as index:
        index.add(embed(pixels.astype(np.float32)), [f"picture {row}" for row in range(20)])
    with serving(tmp_path / "shelf.index", "--encoder", tmp_path / "means.onnx", frameworks=False) as client:
        for row in (3, 11):
            file = io.BytesIO()
            image.fromarray(pixels[row]).save(file, "PNG")
            status, _, body = client.query({"image": base64.b64encode(file.getvalue()).decode(), "k": 3})
            assert status == 200
            assert body["results"][0][0]["label"] == f"picture {row}"
            assert body["results"][0][0]["distance"] < 1e-6
        assert client.query({"text": "a cat"})[0] == 422


def test_texts__are_searched_added_and_embedded_without_a_framework(tmp_path, rng):
    made, embed = text_model(rng)
    onnx.save(made, tmp_path / "words.onnx")
    texts = ["a red car", "the old house", "a blue cat", "the new car"]
    with ks.Index(4, store=tmp_path / "shelf.index") as index:
        index.add(embed(texts), texts)
    with serving(tmp_path / "shelf.index", "--encoder", tmp_path / "words.onnx", frameworks=False) as client:
        status, _, body = client.query({"text": "A Red car", "k": 4})
        assert status == 200
        found = body["results"][0]
        expected = 1 - embed(texts) @ embed(["a red car"])[0]
        order = np.argsort(expected)
        assert [item["label"] for item in found] == [texts[row] for row in order]
        np.testing.assert_allclose([item["distance"] for item in found], expected[order], atol=1e-6)
        items = {"items": [{"id": "new", "text": "a green house", "label": "new"}]}
        assert client.ask("POST", "/v1/indexes/shelf/items:batch", items)[2] == {"upserted": 1}
        assert client.query({"text": "green house a", "k": 1})[2]["results"][0][0]["id"] == "new"
        asked = {"model": "words", "input": ["the old cat", "red"]}
        data = client.ask("POST", "/v1/embeddings", asked)[2]["data"]
        np.testing.assert_allclose([row["embedding"] for row in data], embed(asked["input"]), atol=1e-6)
        assert client.query({"image": "aGVsbG8="})[0] == 422


@pytest.mark.slow
@pytest.mark.training
def test_exported_model__answers_as_the_one_it_was_exported_from(tmp_path, rng):
    keras = pytest.importorskip("keras", reason="it exports a model of Keras's; make test-all has it")
    converter = {"jax": "jax2onnx", "tensorflow": "tf2onnx", "torch": "onnxscript"}[keras.backend.backend()]
    pytest.importorskip(converter, reason="it converts models (group peers); make test-all has it")
    from keras_similarity.export import export_model
    from keras_similarity.layers import MetricEmbedding
    from keras_similarity.models import SimilarityModel

    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    trained = SimilarityModel(inputs, MetricEmbedding(6)(keras.layers.Flatten()(x)))
    export_model(trained, tmp_path / "model.onnx", "onnx")
    pixels = rng.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
    with ks.Index(6, store=tmp_path / "shelf.index") as index:
        index.add(trained.embed(pixels.astype(np.float32)), list(range(12)))
    with serving(tmp_path / "shelf.index", "--encoder", tmp_path / "model.onnx", frameworks=False) as client:
        for row in range(12):
            file = io.BytesIO()
            image.fromarray(pixels[row]).save(file, "PNG")
            found = client.query({"image": base64.b64encode(file.getvalue()).decode(), "k": 1})[2]["results"][0]
            assert found[0]["id"] == row
            assert found[0]["distance"] < 1e-4
