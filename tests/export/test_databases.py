"""An index in other programs' formats gives there what it gives here."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.core.label_json import label_from_json
from keras_similarity.embed.parquet import VectorBatch, write_batches
from keras_similarity.errors import MissingExtraError
from keras_similarity.export import read_parquet, write_faiss, write_parquet, write_pgvector, write_qdrant


@pytest.fixture
def index(rng):
    found = ks.Index(4)
    labels = ["a", ("b", 2), None, "tab\tnew\nline\\", 5]
    ids = [7, "x/1", "7", -3, "é"]
    found.add(rng.normal(size=(5, 4)), labels, ids=ids, metadata=[{"n": 1}, None, {"t": "ü\t"}, {}, {"l": [1]}])
    return found


def test_parquet__reads_back_as_it_was(index, tmp_path):
    pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
    assert write_parquet(index.records(), tmp_path / "v.parquet", 4) == 5
    (batch,) = read_parquet(tmp_path / "v.parquet")
    records = list(index.records())
    assert batch.ids == [record.id for record in records]
    assert batch.labels == [record.label for record in records]
    assert batch.metadata == [record.metadata for record in records]
    np.testing.assert_array_equal(batch.vectors, [record.embedding for record in records])


@pytest.mark.parametrize(
    ("ids", "labels", "kinds"),
    [
        (["a/1", "7", "é"], ["cat", None, "tab\t"], ("string", "string")),
        ([3, -1, 2**62], [1, None, 0], ("int64", "int64")),
        ([3, "3", 4], ["1", 1, None], ("string", "string")),
        ([1, 2, 3], [True, False, None], ("int64", "string")),
        ([1, 2, 3], [2**63, 0, 1], ("int64", "string")),
        (["a", "b", "c"], [0.5, ("b", 2), b"x"], ("string", "string")),
    ],
)
def test_parquet__ids_and_labels__are_plain_where_all_are_of_a_kind(tmp_path, ids, labels, kinds):
    pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
    from pyarrow import parquet

    batch = VectorBatch(np.eye(3, dtype=np.float32), ids, labels, None)
    write_batches([batch], tmp_path / "v.parquet", 3)
    table = parquet.read_table(tmp_path / "v.parquet")
    assert tuple(str(table.schema.field(name).type) for name in ("id", "label")) == kinds
    (read,) = read_parquet(tmp_path / "v.parquet")
    assert [(type(value), value) for value in read.ids + read.labels] == [
        (type(value), value) for value in ids + labels
    ]


def test_parquet__a_later_row_of_another_kind__is_written_and_what_was_before_it(tmp_path):
    pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
    rows = np.eye(2, dtype=np.float32)
    batches = [
        VectorBatch(rows, [1, 2], ["a", "b"], [{"n": 1}, None]),
        VectorBatch(rows, [3, "x"], ["c", 5], None),
        VectorBatch(rows, [4, 5], None, None),
    ]
    assert write_batches(batches, tmp_path / "v.parquet", 2) == 6
    (read,) = read_parquet(tmp_path / "v.parquet")
    assert read.ids == [1, 2, 3, "x", 4, 5]
    assert read.labels == ["a", "b", "c", 5, None, None]
    assert read.metadata == [{"n": 1}, None, None, None, None, None]
    assert [path.name for path in tmp_path.iterdir()] == ["v.parquet"]


def test_parquet__rows_kept_by_pandas__keep_their_ids_labels_and_metadata(tmp_path):
    pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
    pandas = pytest.importorskip("pandas", reason="an extra (data); make test-all has it")
    labels, metadata = ["cat", "cow", "dog", None], [{"n": 1}, {"n": 2}, None, {"n": 4}]
    batch = VectorBatch(np.eye(4, dtype=np.float32), list("abcd"), labels, metadata)
    write_batches([batch], tmp_path / "v.parquet", 4)
    frame = pandas.read_parquet(tmp_path / "v.parquet")
    assert (frame["label"] == "cat").sum() == 1
    frame[frame["id"] != "c"].to_parquet(tmp_path / "kept.parquet")  # with the rows' numbers, which are no range
    (read,) = read_parquet(tmp_path / "kept.parquet")
    assert (read.ids, read.labels) == (["a", "b", "d"], ["cat", "cow", None])
    assert read.metadata == [{"n": 1}, {"n": 2}, {"n": 4}]


def test_parquet__of_a_newer_release__is_refused(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
    from pyarrow import parquet

    note = {"keras_similarity": json.dumps({"ids": "uuid", "labels": "text"})}
    parquet.write_table(arrow.table({"vector": [[1.0]], "id": ["x"]}).replace_schema_metadata(note), tmp_path / "v")
    with pytest.raises(ValueError, match="ids and labels are uuid and text"):
        next(read_parquet(tmp_path / "v"))


def test_parquet_of_others__any_column_names_and_metadata(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
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


def test_every_format__of_an_index_that_keeps_fewer_numbers__says_how_many(tmp_path, rng):
    pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
    kept = ks.Index(8, "euclidean", truncate_dim=4)
    kept.add(rng.normal(size=(5, 8)))
    write_faiss(kept, tmp_path / "i.faiss")
    assert faiss.read_index(str(tmp_path / "i.faiss")).d == 4
    write_qdrant(kept, tmp_path / "q.jsonl")
    assert json.loads((tmp_path / "q.jsonl").read_text().splitlines()[0])["vectors"]["size"] == 4
    write_pgvector(kept, tmp_path / "p.sql")
    assert "embedding vector(4)" in (tmp_path / "p.sql").read_text()
    kept.save(tmp_path / "kept.index")
    command = [Path(sys.executable).with_name("keras-similarity"), "export", tmp_path / "kept.index"]
    subprocess.run([*command, tmp_path / "v.parquet", "--to", "parquet"], check=True, capture_output=True)
    assert next(read_parquet(tmp_path / "v.parquet")).vectors.shape == (5, 4)


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
    assert points[2]["payload"]["metadata"] == {"t": "ü\t"}


def test_qdrant__metadata_named_like_our_own_fields__replaces_none(rng, tmp_path):
    found = ks.Index(4)
    metadata = {"id": "theirs", "label": "theirs", "metadata": 1}
    found.add(rng.normal(size=(1, 4)), ["ours"], ids=["ours"], metadata=[metadata])
    write_qdrant(found, tmp_path / "q.jsonl")
    [point] = json.loads((tmp_path / "q.jsonl").read_text().splitlines()[1])["points"]
    assert point["payload"] == {"id": "ours", "label": "ours", "metadata": metadata}


@pytest.mark.parametrize(("label", "metadata"), [("a\0b", None), ("a", {"k": ["x\0"]}), ("a", {"\0": 1})])
def test_pgvector__nul__is_refused_by_its_item(rng, tmp_path, label, metadata):
    found = ks.Index(4)
    found.add(rng.normal(size=(2, 4)), ["a", label], ids=["fine", "not fine"], metadata=[None, metadata])
    with pytest.raises(ValueError, match=r"NUL.*'not fine'"):
        write_pgvector(found, tmp_path / "v.sql")


def test_pgvector__a_backslash_before_u0000__is_no_nul(rng, tmp_path):
    found = ks.Index(4)
    found.add(rng.normal(size=(1, 4)), ["\\u0000"], ids=["i"])
    assert write_pgvector(found, tmp_path / "v.sql") == 1


def test_pgvector__a_row_each_whatever_is_in_it(index, tmp_path):
    write_pgvector(index, tmp_path / "v.sql")
    lines = (tmp_path / "v.sql").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("COPY"))
    rows = [line.split("\t") for line in lines[start + 1 : lines.index("\\.")]]
    assert [json.loads(row[0]) for row in rows] == [7, "x/1", "7", -3, "é"]
    assert all(len(row) == 4 and len(json.loads(row[3])) == 4 for row in rows)
    assert rows[2][1] == "\\N"


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "inner_product", "manhattan"])
def test_qdrant__takes_the_requests_and_finds_the_same_neighbours(tmp_path, rng, distance):
    """Qdrant's own models read the bodies, and its client in memory answers."""
    qdrant = pytest.importorskip("qdrant_client", reason="an extra (qdrant); make test-all has it")
    found = ks.Index(6, distance)
    ids = [row if row % 2 else f"row {row}" for row in range(300)]
    found.add(rng.normal(size=(300, 6)), [f"c{row % 3}" for row in range(300)], ids=ids)
    assert write_qdrant(found, tmp_path / "q.jsonl") == 300
    first, *upserts = (tmp_path / "q.jsonl").read_text().splitlines()
    collection = qdrant.models.CreateCollection.model_validate_json(first)
    with contextlib.closing(qdrant.QdrantClient(":memory:")) as client:
        client.create_collection("items", vectors_config=collection.vectors)
        for line in upserts:
            client.upsert("items", qdrant.models.PointsList.model_validate_json(line).points)
        for query in rng.normal(size=(5, 6)).astype(np.float32):
            points = client.query_points("items", query.tolist(), limit=5).points
            own = found.search(query[None], 5)
            assert [point.payload["id"] for point in points] == own.ids[0].tolist()
            assert [point.payload["label"] for point in points] == own.labels[0].tolist()


@pytest.mark.database
@pytest.mark.parametrize(
    ("distance", "operator"), [("cosine", "<=>"), ("euclidean", "<->"), ("inner_product", "<#>"), ("manhattan", "<+>")]
)
def test_pgvector__psql_reads_the_file_and_finds_the_same_neighbours(postgres, tmp_path, rng, distance, operator):
    found = ks.Index(4, distance)
    labels = ["a", ("b", 2), None, "tab\tnew\nline\\", 5] * 20
    ids = [f"é \\ {row}" if row % 2 else row for row in range(100)]
    found.add(rng.normal(size=(100, 4)), labels, ids=ids, metadata=[{"t": "ü\t\\N"}] * 100)
    assert write_pgvector(found, tmp_path / "v.sql") == 100
    postgres.execute("DROP TABLE IF EXISTS items")
    postgres.run_file(tmp_path / "v.sql")
    query = rng.normal(size=4).astype(np.float32)
    asked = f"SELECT id, label, metadata, embedding {operator} %s::vector FROM items ORDER BY 4 LIMIT 5"
    rows = postgres.execute(asked, str(query.tolist()))
    own = found.search(query[None], 5)
    assert [row[0] for row in rows] == own.ids[0].tolist()
    assert [label_from_json(row[1]) for row in rows] == own.labels[0].tolist()
    assert rows[0][2] == {"t": "ü\t\\N"}
    np.testing.assert_allclose([row[3] for row in rows], own.distances[0], atol=1e-5)
    postgres.execute("DROP TABLE items")


def test_faiss_that_is_not_installed__is_named_by_its_package(index, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"pip install faiss-cpu"):
        write_faiss(index, tmp_path / "i.faiss")


class Interrupted(ks.Index):
    """An index whose reading ends with Ctrl-C."""

    def records(self, **asked):
        yield from list(super().records(**asked))[:3]
        raise KeyboardInterrupt


@pytest.mark.parametrize("write", [write_faiss, write_qdrant, write_pgvector])
@pytest.mark.parametrize("there", [True, False], ids=["over another", "anew"])
def test_interrupted__leaves_what_was_there(tmp_path, rng, write, there):
    found = Interrupted(4)
    found.add(rng.normal(size=(600, 4)))
    if there:
        (tmp_path / "out").write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write(found, tmp_path / "out")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "before")] * there


def test_whole_file__its_name_is_on_the_disk_too(index, tmp_path, monkeypatch):
    synced, real = [], os.fsync

    def fsync(descriptor):
        synced.append((os.fstat(descriptor).st_ino, (tmp_path / "out").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_qdrant(index, tmp_path / "out")
    assert synced == [((tmp_path / "out").stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize("write", [write_faiss, write_qdrant, write_pgvector])
def test_folder_that_is_not_there__is_named(index, tmp_path, write):
    with pytest.raises(FileNotFoundError, match=r"no folder is at .*/no"):
        write(index, tmp_path / "no" / "out")


def test_faiss__ids_that_cannot_be_written__leave_no_index_without_them(index, tmp_path):
    (tmp_path / "out.json").mkdir()
    with pytest.raises(IsADirectoryError):
        write_faiss(index, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_pipe__is_written_to(index, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        assert write_qdrant(index, tmp_path / "pipe") == 5
        assert len(reader.stdout.read().splitlines()) == 2


def test_distance_that_a_program_lacks__is_refused(tmp_path):
    index = ks.Index(2, "snr")
    for write in (write_faiss, write_qdrant, write_pgvector):
        with pytest.raises(ValueError, match="got 'snr'"):
            write(index, tmp_path / "x")
