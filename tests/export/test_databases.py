"""An index in other programs' formats gives there what it gives here."""

import json

import faiss
import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.export import read_parquet, write_faiss, write_parquet, write_pgvector, write_qdrant


@pytest.fixture
def index(rng):
    found = ks.Index(4)
    labels = ["a", ("b", 2), None, "tab\tnew\nline\\", 5]
    ids = [7, "x/1", "7", -3, "é"]
    found.add(rng.normal(size=(5, 4)), labels, ids=ids, metadata=[{"n": 1}, None, {"t": "ü\t"}, {}, {"l": [1]}])
    return found


def test_parquet__reads_back_as_it_was(index, tmp_path):
    pytest.importorskip("pyarrow")
    assert write_parquet(index.records(), tmp_path / "v.parquet", 4) == 5
    (batch,) = read_parquet(tmp_path / "v.parquet")
    records = list(index.records())
    assert batch.ids == [record.id for record in records]
    assert batch.labels == [record.label for record in records]
    assert batch.metadata == [record.metadata for record in records]
    np.testing.assert_array_equal(batch.vectors, [record.embedding for record in records])


def test_parquet_of_others__any_column_names_and_metadata(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = arrow.table({"emb": [[1.0, 2.0], [3.0, 4.0]], "key": [5, 6], "price": [1.5, None]})
    parquet.write_table(table, tmp_path / "v.parquet")
    (batch,) = read_parquet(tmp_path / "v.parquet", vector="emb", id="key")
    assert (batch.ids, batch.labels, batch.metadata) == ([5, 6], None, [{"price": 1.5}, {"price": None}])
    np.testing.assert_array_equal(batch.vectors, [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="needs a column 'vector'"):
        next(read_parquet(tmp_path / "v.parquet"))
    parquet.write_table(arrow.table({"vector": [[1.0, 2.0], [3.0]]}), tmp_path / "ragged.parquet")
    with pytest.raises(ValueError, match="of one length"):
        next(read_parquet(tmp_path / "ragged.parquet"))


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "inner_product"])
def test_faiss__finds_the_same_neighbours(tmp_path, rng, distance):
    found = ks.Index(6, distance)
    found.add(rng.normal(size=(300, 6)), ids=[f"row {row}" for row in range(300)])
    assert write_faiss(found, tmp_path / "i.faiss") == 300
    copy, about = faiss.read_index(str(tmp_path / "i.faiss")), json.loads((tmp_path / "i.faiss.json").read_text())
    query = rng.normal(size=(3, 6)).astype(np.float32)
    unit = query / np.linalg.norm(query, axis=1, keepdims=True) if distance == "cosine" else query
    _, rows = copy.search(unit, 5)
    assert [[about["ids"][row] for row in line] for line in rows] == found.search(query, 5).ids.tolist()


def test_qdrant__points_keep_ids_labels_and_metadata(index, tmp_path):
    write_qdrant(index, tmp_path / "q.jsonl")
    collection, upsert = map(json.loads, (tmp_path / "q.jsonl").read_text().splitlines())
    assert collection == {"vectors": {"size": 4, "distance": "Cosine"}}
    points = upsert["points"]
    assert points[0]["id"] == 7
    assert len({point["id"] for point in points}) == 5
    assert [point["payload"]["id"] for point in points] == [7, "x/1", "7", -3, "é"]
    assert points[2]["payload"]["t"] == "ü\t"


def test_pgvector__a_row_each_whatever_is_in_it(index, tmp_path):
    write_pgvector(index, tmp_path / "v.sql")
    lines = (tmp_path / "v.sql").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("COPY"))
    rows = [line.split("\t") for line in lines[start + 1 : lines.index("\\.")]]
    assert [json.loads(row[0]) for row in rows] == [7, "x/1", "7", -3, "é"]
    assert all(len(row) == 4 and len(json.loads(row[3])) == 4 for row in rows)
    assert rows[2][1] == "\\N"


def test_distance_that_a_program_lacks__is_refused(tmp_path):
    index = ks.Index(2, "snr")
    for write in (write_faiss, write_qdrant, write_pgvector):
        with pytest.raises(ValueError, match="got 'snr'"):
            write(index, tmp_path / "x")
