import struct
import zlib

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core.pictures import item_as_html, png
from keras_similarity.core.results import Lookup, Neighbors, Record


def decode_png(content):
    """Pixels of a PNG whose lines are unfiltered."""
    position, chunks = 8, {}
    while position < len(content):
        length, name = struct.unpack(">I4s", content[position : position + 8])
        body = content[position + 8 : position + 8 + length]
        (crc,) = struct.unpack(">I", content[position + 8 + length : position + 12 + length])
        assert crc == zlib.crc32(name + body)
        chunks[name] = body
        position += 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(height, width, {0: 1, 2: 3, 6: 4}[kind])


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (3, 2, 4)])
def test_png_holds_the_pixels(shape, rng):
    pixels = rng.integers(0, 256, shape, np.uint8)
    assert np.array_equal(decode_png(png(pixels)), pixels.reshape(*shape[:2], -1))


def test_lookup__reads_its_record_once_and_only_when_asked():
    reads = []

    def fetch():
        reads.append(1)
        return Record("a", 3, np.zeros(2), "data", {"x": 1})

    lookup = Lookup(1, 0.5, 3, "a", fetch)
    assert repr(lookup) == "Lookup(rank=1, distance=0.5, label=3, id='a')"
    assert not reads
    assert (lookup.data, lookup.metadata, lookup.embedding.tolist()) == ("data", {"x": 1}, [0.0, 0.0])
    assert reads == [1]


@pytest.fixture
def found():
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0], [3.0]], ["a", "b", None], data=["x", None, 4], metadata=[{"n": 1}, None, None])
    return index.search([[0.0], [3.0]], k=4)


def test_neighbors__index_slice_and_iteration_agree(found):
    neighbors = found[1]
    assert [lookup.id for lookup in neighbors] == [2, 1, 0]
    assert [lookup.rank for lookup in neighbors[1:]] == [2, 3]
    assert (neighbors[-1].label, neighbors[-1].data, neighbors[-1].metadata) == ("a", "x", {"n": 1})
    with pytest.raises(IndexError):
        neighbors[3]
    assert repr(neighbors) == "<Neighbors: None at 0.0000, 'b' at 2.0000, 'a' at 3.0000>"


def test_search_result__iterated_and_indexed__are_the_same(found):
    assert [[lookup.id for lookup in neighbors] for neighbors in found] == [[0, 1, 2], [2, 1, 0]]
    assert found[-1].ids.tolist() == [2, 1, 0]
    assert [len(neighbors) for neighbors in found[0:2]] == [3, 3]


def test_to_pandas__is_a_line_per_neighbour(found):
    pytest.importorskip("pandas")
    frame = found.to_pandas()
    assert frame.columns.tolist() == ["query", "rank", "id", "distance", "label"]
    assert frame["query"].tolist() == [0, 0, 0, 1, 1, 1]
    assert frame["id"].tolist() == [0, 1, 2, 2, 1, 0]
    assert frame["distance"].tolist() == [0, 1, 3, 0, 2, 3]
    assert frame["label"].fillna("none").tolist() == ["a", "b", "none", "none", "b", "a"]


def test_to_arrow__is_a_row_per_neighbour(found):
    pytest.importorskip("pyarrow")
    columns = found.to_arrow().to_pydict()
    assert columns["rank"] == [1, 2, 3, 1, 2, 3]
    assert columns["label"] == ["a", "b", None, None, "b", "a"]
    assert columns["id"] == [0, 1, 2, 2, 1, 0]


def test_to_arrow__ids_of_two_types_and_labels_arrow_lacks__are_json():
    pytest.importorskip("pyarrow")
    index = Index(1, "euclidean")
    index.add([[0.0], [1.0]], [("x", 1), 2**70], ids=[1, "1"])
    columns = index.search([[0.0]], k=2).to_arrow().to_pydict()
    assert columns["id"] == ["1", '"1"']
    assert columns["label"] == ['["x", 1]', str(2**70)]


@pytest.mark.parametrize(
    "image",
    [
        np.arange(48, dtype=np.uint8).reshape(4, 4, 3),
        np.linspace(0, 1, 30).reshape(5, 6),
        np.linspace(-3, 3, 30).reshape(5, 6, 1),
        np.eye(5, dtype=bool),
        np.full((4, 4), np.nan),
    ],
    ids=["uint8", "0 to 1", "any range", "bool", "nan"],
)
def test_item_as_html__image__is_a_picture(image):
    assert "data:image/png;base64," in item_as_html(image, "a")


def test_item_as_html__large_image__is_thinned():
    assert len(item_as_html(np.random.default_rng(0).integers(0, 255, (2000, 3000), np.uint8))) < 60_000


@pytest.mark.parametrize("data", [None, 3, {"a": 1}, np.zeros(3), b"\x00\x01", np.zeros((0, 3)), np.array(["u"])])
def test_item_as_html__no_image__is_text_alone(data):
    assert "<img" not in item_as_html(data, "a")


def test_item_as_html__encoded_image__is_passed_on():
    assert "data:image/jpeg;base64," in item_as_html(b"\xff\xd8\xff\xe0rest")


def test_neighbors__html_of_hostile_label_and_data__is_escaped():
    record = Record(1, "", np.zeros(1), "<script>data</script>", None)
    neighbors = Neighbors(np.array([1]), np.array([0.5]), np.array(["<script>"], object), lambda _: record)
    html = neighbors._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_neighbors__html_of_many__shows_some():
    index = Index(1, "euclidean")
    index.add(np.arange(30.0)[:, None])
    assert "… 10 more" in index.search([[0.0]], k=30)[0]._repr_html_()
