import re
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.calibrate import calibrate
from keras_similarity.errors import MissingIndexError
from keras_similarity.evaluate import evaluate_embeddings
from keras_similarity.visualization import report
from real_embeddings import fashion_embeddings, fashion_images

for package in ("matplotlib", "pandas", "plotly", "PIL"):
    pytest.importorskip(package, reason="an extra (viz, data); make test-all has it")

LABELS = ["<script>alert(1)</script>", 'coat" onload="x', "boot"]


class Elements(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def rows(rng):
    return (rng.normal(size=(60, 6)) + 2 * np.eye(6)[np.arange(60) % 3]).astype(np.float32)


@pytest.fixture
def labels():
    return [LABELS[row % 3] for row in range(60)]


def test_report__is_one_accessible_file__that_asks_nothing_of_others(rows, labels, rng, tmp_path):
    index = Index(6)
    index.add(rows, labels, data=list(rng.integers(0, 255, (60, 8, 8), np.uint8)))
    points = calibrate(index, rows + 0.1, [*labels[:50], *["owl"] * 10])
    page = report(index, map_method="pca", calibration=points, title="<b>shelf</b>")
    text = page.save(tmp_path / "report.html").read_text(encoding="utf-8")
    found = Elements(text)
    assert "Left out." not in text
    assert "<script>alert" not in text
    assert not any("onload" in attributes for _, attributes in found.found)
    assert not [attributes for attributes in found.all("b")]
    assert len(found.all("h1")) == 1
    assert len(found.all("h2")) == 10
    assert all(attributes.get("alt") for attributes in found.all("img"))
    assert all(attributes["src"].startswith("data:image/") for attributes in found.all("img"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in found.all("th"))
    assert not any("src" in attributes for attributes in found.all("script"))
    assert not [attributes for attributes in found.all("link") if attributes["href"] != "data:,"]
    assert "default-src 'none'" in found.all("meta")[1]["content"]


def test_numbers__are_those_of_an_exact_evaluation(rows, labels):
    index = Index(6)
    index.add(rows, labels)
    expected = evaluate_embeddings(rows, labels, metrics=["recall@1"])
    low, high = expected.confidence_intervals()["recall@1"]
    text = report(index, map_method="pca").html
    assert f'<td class="number">{expected.mean()["recall@1"]:#.4g}</td><td>{low:.4f} to {high:.4f}</td>' in text
    assert "The index is not calibrated" in text


def test_worst_queries__are_those_whose_nearest_is_wrong__neighbours_marked():
    index = Index(1, "euclidean")
    index.add([[0.0], [1.5], [2.0], [0.5], [100.0], [101.0]], ["a", "a", "a", "b", "b", "b"])
    text = report(index, map_method="pca").html.partition('id="worst"')[2].partition("</section>")[0]
    found = re.findall(r'query: (\w)<br>([^<]*)</th><td class="(\w+)">(.) (\w)<br>([^<]*)<', text)
    # The b among a's finds three of them first; the first a finds that b; the others' nearest carry their label.
    first, second = ("b", "right at 4", "wrong", "✗", "a", "0.500"), ("a", "right at 2", "wrong", "✗", "b", "0.500")
    assert found == [first, second]
    assert re.findall(r'<td class="right">. (\w)', text.partition("query: a")[0]) == ["b", "b"]


@pytest.mark.parametrize(
    ("count", "given", "reason"),
    [
        (0, [], "the index has none"),
        (1, ["a"], "at least two items"),
        (12, [None] * 12, "at least two labels, and the index has none"),
        (12, ["a"] * 12, "at least two labels, and the index has 1"),
        (3, ["a", "b", "c"], "Every label has a single item"),
        (2, ["a", "b"], "Every label has a single item"),
    ],
)
def test_degenerate_index__leaves_sections_out__and_says_why(rows, count, given, reason):
    index = Index(6)
    if count:
        index.add(rows[:count], given)
    assert reason in report(index, map_method="pca").html


def test_other_things__are_refused():
    with pytest.raises(TypeError, match="`model_or_index` must be an Index or a SimilarityModel: got list"):
        report([])


def test_images__come_from_a_mapping(rows, labels):
    index = Index(6)
    ids = index.add(rows, labels)
    page = report(index, map_method="pca", images={int(ids[0]): np.eye(8)})
    assert 'class="thumb"' in page.html
    assert 'class="thumb"' not in report(index, map_method="pca").html


def test_images__come_from_a_sequence__where_ids_are_its_rows(rows, labels):
    index = Index(6)
    index.add(rows[:4], labels[:4], ids=[0, 1, -2, "one"])
    page = report(index, map_method="pca", images=[np.eye(8), np.zeros((0, 3))])
    assert {image["alt"] for image in Elements(page.html).all("img") if image.get("class") == "thumb"} == {
        f"image of {labels[0]}"
    }


@pytest.mark.training
def test_model__is_reported_with_its_index_and_its_calibration(rows, labels):
    import keras

    from keras_similarity.models import SimilarityModel

    inputs = keras.Input((6,))
    model = SimilarityModel(inputs, keras.layers.Identity()(inputs))
    with pytest.raises(MissingIndexError, match="`report` needs an index"):
        report(model)
    model.compile(distance="euclidean")
    model.index(rows, labels)
    assert "The index is not calibrated" in report(model, map_method="pca").html
    model.calibrate(rows + 0.1, [*labels[:50], *["owl"] * 10])
    text = report(model, map_method="pca").html
    assert "60 items, 6 numbers each, by euclidean distance" in text
    assert "Thresholds, from 50 known and 10 unknown queries" in text


@pytest.mark.slow
def test_real_images__fit_into_ten_megabytes(data_folder):
    embeddings, classes = fashion_embeddings(data_folder)
    images, _ = fashion_images(data_folder)
    index = Index(embeddings.shape[1])
    index.add(embeddings, classes, data=list(images))
    assert len(report(index, map_method="pca").html) < 10e6
