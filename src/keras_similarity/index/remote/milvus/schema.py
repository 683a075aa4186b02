"""The collection of an index, its version, and its notes.

    NAME            one shard; a row an item in the partition `items`, a row a note in the partition `notes`
    NAME_writer     there while somebody writes; see `lock.py`

    seq         key: the place in the order of additions; of a note, below 0
    id          the id's key; see `keys.py`
    label       the code of its label, -1 for none; of a note, its kind
    text        the metadata's JSON; of a note, what it says
    data        the data, in base64
    fields      field's key -> value's key, of the metadata: what filters compare
    embedding   the vector

Notes are the state, of which the newest counts, and the labels, those of one write together.
"""

import contextlib
import json
import time
import uuid
from typing import Any

import numpy as np

from keras_similarity.core.label_json import label_to_json
from keras_similarity.errors import DatabaseError, DatabaseUnavailableError
from keras_similarity.index.remote.milvus.session import ITEMS, NOTES, Session
from keras_similarity.index.remote.milvus.state import MOST_TEXT, State
from keras_similarity.index.remote.opening import check_version, holds_none, missing, taken
from keras_similarity.index.settings import Settings

__all__ = [
    "LABELS",
    "METRICS",
    "STATE",
    "create",
    "label_key",
    "label_notes",
    "labels_between",
    "load",
    "open_state",
    "read_state",
    "state_key",
    "state_note",
]

SCHEMA_VERSION = 1
MOST_ID = 1025  # the key of an id of 512 bytes
STATE, LABELS = -2, -3  # kinds of notes
NOTE_BYTES = 60_000
LOAD_SECONDS = 600.0
EMPTY_SECONDS = 10.0  # in which a server may find nothing of what it has
PAUSE_SECONDS = 0.05
LINKS, BUILD_EFFORT = 16, 128  # of the graph
# Distance -> Milvus's metric. It computes L2 squared.
METRICS = {"cosine": "COSINE", "euclidean": "L2", "squared_euclidean": "L2", "inner_product": "IP"}


def create(session: Session, settings: Settings) -> State:
    """Make the collection of a new index.

    Raises:
        FileExistsError: one of that name is there.
    """
    session.check_writable()
    state = State(settings.to_json())
    if session.call("has_collection", session.table):
        raise taken(session.shown)
    try:
        session.call(
            "create_collection",
            session.table,
            schema=_schema(session, settings.space.width),
            shards_num=1,
            consistency_level="Session",
        )
    except DatabaseError as error:
        if "duplicate collection" in str(error):
            raise taken(session.shown) from None
        raise
    try:
        for part in (ITEMS, NOTES):
            session.call("create_partition", session.table, part)
        session.call("create_index", session.table, _index(session, settings), sync=False)
        session.put([state_note(state, settings.space.width)], part=NOTES)
        session.call("load_collection", session.table, _async=True)
    except BaseException:
        with contextlib.suppress(DatabaseError):
            session.call("drop_collection", session.table)
        raise
    return state


def _schema(session: Session, width: int) -> Any:
    milvus = session.pymilvus
    kind = milvus.DataType
    # A description of its own: of two processes that make it at once, one is told that it is there.
    schema = milvus.MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=False, description=f"keras-similarity {uuid.uuid4().hex}"
    )
    schema.add_field("seq", kind.INT64, is_primary=True)
    schema.add_field("id", kind.VARCHAR, max_length=MOST_ID)
    schema.add_field("label", kind.INT64)
    schema.add_field("text", kind.VARCHAR, max_length=MOST_TEXT)
    schema.add_field("data", kind.VARCHAR, max_length=MOST_TEXT)
    schema.add_field("fields", kind.JSON)
    schema.add_field("embedding", kind.FLOAT_VECTOR, dim=width)
    return schema


def _index(session: Session, settings: Settings) -> Any:
    params = session.pymilvus.MilvusClient.prepare_index_params()
    exact = settings.engine == "exact"
    params.add_index(
        "embedding",
        index_type="FLAT" if exact else "HNSW",
        metric_type=METRICS[settings.distance.name],
        params={} if exact else {"M": LINKS, "efConstruction": BUILD_EFFORT},
    )
    return params


def load(session: Session) -> None:
    """Wait until the server has the collection in its memory, for a while."""
    until = time.monotonic() + LOAD_SECONDS
    while True:
        state = session.call("get_load_state", session.table)["state"].name
        if state == "Loaded":
            return
        if state == "NotLoad":
            session.call("load_collection", session.table, _async=True)
        if time.monotonic() > until:
            raise DatabaseUnavailableError(
                f"Milvus has not loaded {session.shown} into its memory in {LOAD_SECONDS:.0f} seconds.\n"
                "  Try again later, or give it more memory."
            )
        time.sleep(PAUSE_SECONDS)


def open_state(session: Session) -> State:
    """Return the state of an index that is there.

    Raises:
        FileNotFoundError: no index is there.
        IndexFormatError: its version is newer than this release.
    """
    if not session.call("has_collection", session.table):
        raise missing(session.shown)
    load(session)
    return read_state(session, newest=True)


def read_state(session: Session, *, newest: bool = False) -> State:
    """Return the state, as this process has written it or a later one; with `newest`, as anybody has."""
    texts = _states(session, newest=newest)
    if not texts:
        raise holds_none(session.shown)
    newest_text = max(texts, key=lambda text: json.loads(text)["generation"])
    check_version(json.loads(newest_text)["version"], SCHEMA_VERSION, session.shown)
    return State.from_text(newest_text)


def _states(session: Session, *, newest: bool) -> list[str]:
    """Return what the notes of the state say, none where there are none.

    A server that was started again may answer, for a moment, that it has nothing: it is asked again for a while.
    """
    until = time.monotonic() + EMPTY_SECONDS
    while True:
        try:
            notes = session.query(f"label == {STATE}", ["text"], part=NOTES, newest=newest)
        except DatabaseError as error:
            if f"partition name {NOTES} not found" not in str(error):
                raise
            return []
        if notes or time.monotonic() > until:
            return [note["text"] for note in notes]
        time.sleep(PAUSE_SECONDS)


def state_key(generation: int) -> int:
    """Return the key of a state's note."""
    return -2 - 2 * generation


def state_note(state: State, width: int) -> dict[str, Any]:
    """Return a state as a row."""
    return _note(state_key(state.generation), STATE, state.to_text(SCHEMA_VERSION), width)


def label_notes(first: int, labels: list[Any], width: int) -> list[dict[str, Any]]:
    """Return labels as rows, as many in each as there is room for.

    Args:
        first: The code of the first.
        labels: In the order of their codes.
        width: Of the index's vectors.
    """
    notes, texts, size = [], [], 0
    for label in labels:
        text = json.dumps(label_to_json(label))
        if texts and size + len(text) + 8 > NOTE_BYTES:
            notes.append(_note(label_key(first), LABELS, json.dumps(texts), width))
            first, texts, size = first + len(texts), [], 0
        texts.append(text)
        size += len(json.dumps(text)) + 2
    return [*notes, _note(label_key(first), LABELS, json.dumps(texts), width)] if texts else notes


def labels_between(session: Session, first: int, stop: int) -> list[str]:
    """Return the labels from a code on to before another, as JSON; both begin a write."""
    condition = f"label == {LABELS} and seq <= {label_key(first)} and seq > {label_key(stop)}"
    notes = session.query(condition, ["seq", "text"], part=NOTES)
    return [text for note in sorted(notes, key=lambda note: -note["seq"]) for text in json.loads(note["text"])]


def label_key(first: int) -> int:
    """Return the key of the note whose first label has a code."""
    return -3 - 2 * first


def _note(key: int, kind: int, text: str, width: int) -> dict[str, Any]:
    vector = np.zeros(width, np.float32)
    vector[0] = 1  # a row of zeros has no cosine
    return {"seq": key, "id": "", "label": kind, "text": text, "data": "", "fields": {}, "embedding": vector}
