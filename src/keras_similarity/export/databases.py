"""An index in the formats of faiss, Qdrant and PostgreSQL with pgvector: files that these load as they are."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_similarity.core.label_json import label_to_json
from keras_similarity.core.results import Record
from keras_similarity.core.whole_file import whole_file
from keras_similarity.index import Index
from keras_similarity.index.engines.faiss_memory import load_faiss
from keras_similarity.index.remote.postgres.pgvector import MOST_WIDE, MOST_WIDE_GRAPH, OPERATORS

__all__ = ["write_faiss", "write_pgvector", "write_qdrant"]

QDRANT_DISTANCES = {"cosine": "Cosine", "euclidean": "Euclid", "inner_product": "Dot", "manhattan": "Manhattan"}
LARGEST_HALF = 65_504  # of 16 bits
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # as JSON writes it, and no backslash before u0000
BATCH = 256  # points of a request
NAMESPACE = uuid.UUID("6f2f4d0e-5a2c-4c55-9d4b-2f0a4be3a1c7")  # of the UUIDs made of string ids


def write_faiss(index: Index, path: Path) -> int:
    """Write an exact faiss index, which `faiss.read_index` reads, and ids and labels in PATH.json; return how many.

    Cosine becomes inner product of unit rows, whose score is 1 − distance; faiss's L2 is the squared distance.

    Raises:
        ValueError: a distance that faiss lacks.
        MissingExtraError: faiss is not installed.

    Example:
        >>> import faiss
        >>> from tempfile import TemporaryDirectory
        >>> index = Index(2, "euclidean")
        >>> ids = index.add([[0, 0], [3, 4]], ["near", "far"])
        >>> with TemporaryDirectory() as folder:
        ...     count = write_faiss(index, Path(folder, "shelf.faiss"))
        ...     flat = faiss.read_index(f"{folder}/shelf.faiss")
        >>> flat.search(np.zeros((1, 2), "float32"), 2)[0].tolist()
        [[0.0, 25.0]]
    """
    faiss = load_faiss()
    name = index.distance.name
    _check(name, {"cosine", "inner_product", "euclidean", "squared_euclidean"}, "faiss")
    width = index.settings.space.width
    flat = faiss.IndexFlatL2(width) if "euclidean" in name else faiss.IndexFlatIP(width)
    ids: list[Any] = []
    labels: list[Any] = []
    for part in _parts(index):
        rows = np.stack([record.embedding for record in part])
        if name == "cosine":
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        flat.add(rows)
        ids += [record.id for record in part]
        labels += [label_to_json(record.label) for record in part]
    with whole_file(path) as written, whole_file(path.with_name(f"{path.name}.json")) as beside:
        beside.write_text(json.dumps({"distance": name, "ids": ids, "labels": labels}))
        faiss.write_index(flat, str(written))
    return len(ids)


def write_qdrant(index: Index, path: Path) -> int:
    """Write JSON lines for Qdrant: the first the body that creates a collection, each other one an upsert of points.

    Send the first with PUT to /collections/NAME, the others to /collections/NAME/points. Qdrant's ids are numbers of 64
    bits or UUIDs: other ids become UUIDs made of them. The payload keeps ids as "id", labels as "label", and metadata
    as "metadata", since an item's own fields may have these names too: Qdrant filters by "metadata.price".

    Raises:
        ValueError: a distance that Qdrant lacks.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> index = Index(2, "euclidean")
        >>> ids = index.add([[0, 0], [3, 4]], ["near", "far"])
        >>> with TemporaryDirectory() as folder:
        ...     count = write_qdrant(index, Path(folder, "shelf.jsonl"))
        ...     requests = [json.loads(line) for line in Path(folder, "shelf.jsonl").read_text().splitlines()]
        >>> requests[0], requests[1]["points"][1]["payload"]
        ({'vectors': {'size': 2, 'distance': 'Euclid'}}, {'id': 1, 'label': 'far', 'metadata': None})
    """
    _check(index.distance.name, QDRANT_DISTANCES, "Qdrant")
    count = 0
    with whole_file(path) as written, written.open("w", encoding="utf-8") as file:
        vectors = {"size": index.settings.space.width, "distance": QDRANT_DISTANCES[index.distance.name]}
        file.write(json.dumps({"vectors": vectors}) + "\n")
        for part in _parts(index):
            file.write(json.dumps({"points": [_point(record) for record in part]}) + "\n")
            count += len(part)
    return count


def write_pgvector(index: Index, path: Path) -> int:
    """Write SQL that makes the table "items" in PostgreSQL with pgvector, filled: psql -f PATH.

    Ids and labels are JSON values, in which 1 and "1" differ. The graph that the file makes has rows of up to 2,000
    numbers as they are, and of up to 4,000 at 16 bits, which a query must ask for; the file says how. Wider rows have
    none, nor have rows above 2,000 with a number that 16 bits do not hold.

    Raises:
        ValueError: a distance that pgvector lacks, rows of more than 16,000 numbers, or the character NUL in a label or
            in metadata, which PostgreSQL does not keep.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> index = Index(2, "euclidean")
        >>> ids = index.add([[0, 0], [3, 4]], ["near", "far"])
        >>> with TemporaryDirectory() as folder:
        ...     count = write_pgvector(index, Path(folder, "shelf.sql"))
        ...     lines = Path(folder, "shelf.sql").read_text().splitlines()
        >>> lines[4].split()[-1], lines[-1]
        ('[3.0,4.0]', 'CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);')
    """
    name, width = index.distance.name, index.settings.space.width
    _check(name, OPERATORS, "pgvector")
    if width > MOST_WIDE:
        raise ValueError(
            f"pgvector keeps rows of up to {MOST_WIDE:,} numbers: these have {width:,}.\n  Write Parquet, or keep "
            "fewer numbers a row: `truncate_dim=`."
        )
    count, largest = 0, 0.0
    with whole_file(path) as written, written.open("w", encoding="utf-8") as file:
        file.write(
            "CREATE EXTENSION IF NOT EXISTS vector;\n"
            "CREATE TABLE items (id jsonb PRIMARY KEY, label jsonb, metadata jsonb, "
            f"embedding vector({width}) NOT NULL);\n"
            "COPY items (id, label, metadata, embedding) FROM stdin;\n"
        )
        for record in index.records():
            vector = "[" + ",".join(map(repr, record.embedding.tolist())) + "]"
            fields = (_json(record.id), _json(label_to_json(record.label)), _json(record.metadata))
            if any(field and NUL.search(field) for field in fields):
                raise ValueError(
                    f"PostgreSQL keeps no NUL, the character \\u0000: the item {record.id!r} has one in its label or "
                    "metadata.\n  Take it out, or write Parquet."
                )
            file.write("\t".join([*(_copied(field) for field in fields), vector]) + "\n")
            count, largest = count + 1, max(largest, float(np.abs(record.embedding).max()))
        file.write("\\.\n" + _graph(name, width, largest))
    return count


def _graph(distance: str, width: int, largest: float) -> str:
    """Return the SQL that makes pgvector's graph, or a comment that says why there is none.

    Args:
        distance: Its name.
        width: Numbers of a row.
        largest: Of all numbers, by their size.
    """
    operator, end = OPERATORS[distance]
    most, most_halves = MOST_WIDE_GRAPH["float32"], MOST_WIDE_GRAPH["float16"]
    if width <= most:
        return f"CREATE INDEX ON items USING hnsw (embedding vector_{end});\n"
    if width > most_halves:
        return f"-- No index: pgvector's take rows of up to {most_halves:,} numbers, these have {width:,}.\n"
    if largest > LARGEST_HALF:
        return (
            f"-- No index: as 16-bit numbers, which pgvector's take above {most:,}, none may be beyond "
            f"{LARGEST_HALF:,}.\n"
        )
    half = f"halfvec({width})"
    return (
        f"-- Of 16-bit numbers, as pgvector's index takes no more than {most:,} others. What uses it:\n"
        f"-- SELECT id FROM items ORDER BY embedding::{half} {operator} QUERY::{half} LIMIT k\n"
        f"CREATE INDEX ON items USING hnsw ((embedding::{half}) halfvec_{end});\n"
    )


def _parts(index: Index) -> Iterator[list[Record]]:
    part: list[Record] = []
    for record in index.records():
        part.append(record)
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part


def _point(record: Record) -> dict[str, Any]:
    whole = isinstance(record.id, int) and record.id >= 0
    payload = {"id": record.id, "label": label_to_json(record.label), "metadata": record.metadata}
    point_id = record.id if whole else str(uuid.uuid5(NAMESPACE, json.dumps(record.id)))
    return {"id": point_id, "vector": record.embedding.tolist(), "payload": payload}


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _copied(text: str | None) -> str:
    """Return a field as COPY reads it."""
    if text is None:
        return "\\N"
    for character, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escaped)
    return text


def _check(distance: str, known: Any, program: str) -> None:
    if distance not in known:
        raise ValueError(f"{program} has the distances {', '.join(sorted(known))}: got {distance!r}.\n  Write Parquet.")
