"""What an index in Qdrant knows of itself: one more point, without a vector, that changes if nobody changed it before.

Qdrant has no transactions, but applies an update under a condition, in one step of the server's. So a writer reserves
the ids and places it is going to use, then writes, then counts the generation up once more.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from keras_similarity.errors import DatabaseError, IndexLockedError
from keras_similarity.index.remote.opening import check_version, holds_none, missing, taken
from keras_similarity.index.remote.qdrant.session import Session
from keras_similarity.index.settings import Settings

__all__ = [
    "METRICS",
    "MOST_INDEXED",
    "State",
    "change",
    "create",
    "index_fields",
    "items_only",
    "open_state",
    "read_state",
]

SCHEMA_VERSION = 1
KEY = str(uuid.uuid5(uuid.NAMESPACE_URL, "keras-similarity/state"))
TOKENS = 32  # of the last changes: who finds its own there has made it, whoever came after
WAIT_SECONDS = 10.0  # for a moment in which nobody else changes the state
# Distance -> Qdrant's.
METRICS = {
    "cosine": "Cosine",
    "euclidean": "Euclid",
    "squared_euclidean": "Euclid",
    "inner_product": "Dot",
    "manhattan": "Manhattan",
}
# What filters and pages look at. A server makes indexes of it; a local mode has none.
INDEXED = {"seq": "integer", "generation": "integer", "label_key": "keyword", "fields": "keyword", "equals": "keyword"}
MOST_INDEXED = 100  # fields of the metadata whose numbers a server makes an index of
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """The counters of an index.

    Args:
        settings: What the index was made with, as JSON values.
        next_id: The next int id that `add` gives.
        next_seq: The place in the order of additions that the next item takes.
        text_ids: Whether an id was ever a string.
        generation: Grows with every write, twice.
        built: The report of what `build` found, {} before.
        tokens: Of the last changes.
        items: How many items there are, counted when this was read.
    """

    settings: dict[str, Any]
    next_id: int = 0
    next_seq: int = 0
    text_ids: bool = False
    generation: int = 0
    built: dict[str, Any] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()
    items: int = 0


def create(session: Session, settings: Settings) -> State:
    """Make the collection of a new index.

    Raises:
        FileExistsError: one of that name is there.
    """
    models = session.models
    if session.call("collection_exists"):
        raise taken(session.shown)
    metric = models.Distance(METRICS[settings.distance.name])
    vectors = models.VectorParams(size=settings.space.width, distance=metric)
    try:
        session.call("create_collection", vectors_config={"embedding": vectors})
    except DatabaseError as error:
        raise taken(session.shown) if "already exists" in str(error) else error from None
    index_fields(session, INDEXED)
    state = State(settings.to_json())
    _put(session, state, after=-1)
    return state


def index_fields(session: Session, kinds: dict[str, str]) -> None:
    """Have a server make indexes of fields, path -> kind, before its graph: it links what a filter leaves together."""
    for path, kind in {} if session.local else kinds.items():
        session.call("create_payload_index", path, session.models.PayloadSchemaType(kind), wait=True)


def open_state(session: Session) -> State:
    """Return the state of an index that is there.

    Raises:
        FileNotFoundError: no index is there.
        IndexFormatError: its version is newer than this release.
    """
    if not session.call("collection_exists"):
        raise missing(session.shown)
    return read_state(session)


def read_state(session: Session) -> State:
    """Return the state, as anybody has written it."""
    items = session.call("count", count_filter=items_only(session.models), exact=True).count
    return replace(_read(session), items=items)


def _read(session: Session) -> State:
    """Return the state, with no items counted."""
    notes = session.call("retrieve", [KEY], with_payload=True)
    if not notes:
        raise holds_none(session.shown)
    known = json.loads(notes[0].payload["text"])
    check_version(known.pop("version"), SCHEMA_VERSION, session.shown)
    return State(**known | {"tokens": tuple(known["tokens"])})


def change(session: Session, work: Callable[[State], tuple[State, T]]) -> tuple[State, T]:
    """Change the state; return it as it was before, and the result of `work`.

    Args:
        session: The index's.
        work: From the state as it is, the next one, and what to return. It is called again where another writer came
            first.

    Raises:
        IndexLockedError: others came first for ten seconds.
    """
    token = uuid.uuid4().hex
    until = time.monotonic() + WAIT_SECONDS
    while True:
        before = _read(session)
        later, result = work(before)
        tokens = (*before.tokens, token)[-TOKENS:]
        _put(session, replace(later, generation=before.generation + 1, tokens=tokens), after=before.generation)
        if token in _read(session).tokens:
            return before, result
        if time.monotonic() > until:
            raise IndexLockedError(f"others write to {session.shown} all the while.\n  Try again when fewer do.")


def items_only(models: Any, *conditions: Any) -> Any:
    """Return the filter for the points that are items and satisfy some conditions."""
    return models.Filter(must=[models.FieldCondition(key="seq", range=models.Range(gte=0)), *conditions])


def _put(session: Session, state: State, *, after: int) -> None:
    """Write the state, if there is none or its generation is this one."""
    models = session.models
    known = {name: getattr(state, name) for name in State.__slots__ if name != "items"}
    payload = {"generation": state.generation, "text": json.dumps(known | {"version": SCHEMA_VERSION})}
    match = models.FieldCondition(key="generation", match=models.MatchValue(value=after))
    session.call(
        "upsert",
        [models.PointStruct(id=KEY, vector={}, payload=payload)],
        update_filter=models.Filter(must=[match]),
        ordering=models.WriteOrdering.STRONG,  # one order for all replicas
        wait=True,
    )
