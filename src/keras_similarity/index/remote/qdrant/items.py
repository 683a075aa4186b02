"""Items as points of Qdrant, and back.

A point's key is its item's id, its vector the embedding (under cosine of length 1, with the length beside it: Qdrant
keeps directions), and its payload

    seq               the place in the order of additions
    id, label, data, metadata    the label and the metadata as JSON, data in base64
    label_key         what filters compare of the label
    fields, equals    names of the metadata's fields, and each with its value: what filters compare as equal
    numbers, rests    field's key -> the nearest float64, and what is left: what ranges compare, of the id too
    norm              the embedding's length, under cosine
"""

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.core.label_json import label_from_json, label_to_json
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.index.remote.items import Batch, Page, in_blocks
from keras_similarity.index.remote.keys import field_key, number_parts
from keras_similarity.index.remote.qdrant.keys import EXACT, label_key, mark, point_id
from keras_similarity.index.remote.qdrant.session import Session
from keras_similarity.index.remote.qdrant.state import items_only
from keras_similarity.index.rows import Floats
from keras_similarity.index.settings import Settings

__all__ = ["Labels", "as_page", "as_points", "check_sizes", "pages", "put", "units", "with_ids"]

KEPT = ["seq", "id", "label", "data", "metadata", "norm"]
MOST_ROWS, MOST_BYTES = 1000, 16 * 2**20  # sent at a time; a server takes 32 MB
PAGE_NUMBERS = 2**19  # of embeddings, read at a time
MOST_IDS = 1000  # asked for at a time
NUMBER_BYTES = 12  # of a float32 as text, about


class Labels:
    """The labels that were seen here. Their codes are this process's own: points hold the labels."""

    def __init__(self) -> None:
        self.known = LabelVocabulary()
        self._lock = threading.Lock()

    def codes(self, labels: list[Any]) -> NDArray[np.int32]:
        """Return codes `(n,)`, `NO_LABEL` for None."""
        with self._lock:
            if (self.known.find(labels) == NO_LABEL).any():
                known = LabelVocabulary(self.known.labels)  # another object: threads decode with the one they have
                known.encode(labels)
                self.known = known
            return self.known.find(labels)


def units(rows: Floats) -> tuple[Floats, NDArray[np.float64]]:
    """Return rows of length 1, and their lengths `(n,)`."""
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    return (rows / norms[:, None]).astype(np.float32), norms


def as_points(session: Session, settings: Settings, batch: Batch, labels: LabelVocabulary, seq: int) -> list[Any]:
    """Return items as points, from a place in the order of additions on."""
    cosine = settings.distance.name == "cosine"
    rows, norms = units(batch.vectors) if cosine else (batch.vectors, None)
    points = []
    for row, item_id in enumerate(batch.ids.tolist()):
        payload = {"seq": seq + row, "id": item_id} | _metadata(batch.metadata[row], item_id)
        if norms is not None:
            payload["norm"] = float(norms[row])
        if (raw := batch.data[row]) is not None:
            payload["data"] = base64.b64encode(raw).decode()
        if (code := int(batch.codes[row])) != NO_LABEL:
            label = labels.labels[code]
            payload |= {"label": json.dumps(label_to_json(label)), "label_key": label_key(label)}
        vector = {"embedding": rows[row].tolist()}
        points.append(session.models.PointStruct(id=point_id(item_id), vector=vector, payload=payload))
    return points


def _metadata(raw: bytes | None, item_id: int | str) -> dict[str, Any]:
    """Return metadata as it is kept, and what filters compare of it and of the id."""
    values = {} if raw is None else json.loads(raw)
    numbers = {field_key(name): value for name, value in values.items() if _is_number(value)}
    if isinstance(item_id, int):
        numbers["id"] = item_id
    parts = {name: number_parts(value) for name, value in numbers.items()}
    payload: dict[str, Any] = {
        "fields": list(values),
        "equals": [mark(name, value) for name, value in values.items()],
        "numbers": {name: near for name, (near, _) in parts.items()},
        "rests": {name: rest for name, (near, rest) in parts.items() if abs(near) >= EXACT},
    }
    return payload if raw is None else payload | {"metadata": raw.decode()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_sizes(data: Sequence[bytes | None], metadata: Sequence[bytes | None]) -> None:
    """Raise a ValueError for a row that takes more than one call may."""
    for row, (raw, text) in enumerate(zip(data, metadata, strict=True)):
        if (size := len(raw or b"") * 4 // 3 + len(text or b"")) > MOST_BYTES:
            raise ValueError(
                f"`data` and `metadata` may take {MOST_BYTES:,} bytes a row in Qdrant: row {row} takes {size:,}.\n"
                "  Keep a path or a key in its place."
            )


def put(session: Session, points: list[Any]) -> None:
    """Write points, in as many calls as their size asks for; whoever looks meanwhile sees a part of them."""
    for block in in_blocks(points, _point_bytes, MOST_ROWS, MOST_BYTES):
        session.call("upsert", block, wait=True)


def _point_bytes(point: Any) -> int:
    """Return about how many bytes a point takes on its way."""
    return len(json.dumps(point.payload)) + NUMBER_BYTES * len(point.vector["embedding"])


def as_page(points: list[Any], labels: Labels, width: int) -> Page:
    """Return points as items, in the order they were added."""
    points = sorted(points, key=lambda point: point.payload["seq"])
    found = [point.payload for point in points]
    said = [label_from_json(json.loads(payload["label"])) if "label" in payload else None for payload in found]
    vectors = np.array([point.vector["embedding"] for point in points], np.float64).reshape(len(points), width)
    norms = np.array([payload.get("norm", 1.0) for payload in found])
    return Page(
        [payload["seq"] for payload in found],
        [payload["id"] for payload in found],
        labels.codes(said),
        [base64.b64decode(payload["data"]) if "data" in payload else None for payload in found],
        [json.loads(payload["metadata"]) if "metadata" in payload else None for payload in found],
        (vectors * norms[:, None]).astype(np.float32),
    )


def with_ids(session: Session, ids: Ids, *, whole: bool = True) -> list[Any]:
    """Return the points of some ids, those that are there.

    Args:
        session: The index's.
        ids: Each once.
        whole: Whether to return what they hold, not their keys and ids alone.
    """
    keys = [point_id(value) for value in ids.tolist()]
    blocks = [keys[start : start + MOST_IDS] for start in range(0, len(keys), MOST_IDS)]
    options = {"with_payload": KEPT, "with_vectors": True} if whole else {"with_payload": ["id"]}
    return [point for block in blocks for point in session.call("retrieve", block, **options)]


def pages(session: Session, labels: Labels, width: int, *conditions: Any) -> Iterator[Page]:
    """Return every item that satisfies some conditions, in the order they were added, page by page."""
    models = session.models
    most, after = max(16, min(MOST_ROWS, PAGE_NUMBERS // width)), -1
    while True:
        points, _ = session.call(
            "scroll",
            scroll_filter=items_only(models, *conditions),
            order_by=models.OrderBy(key="seq", start_from=after + 1),
            limit=most,
            with_payload=KEPT,
            with_vectors=True,
        )
        if points:
            found = as_page(points, labels, width)
            yield found
            after = found.seqs[-1]
        if len(points) < most:
            return
