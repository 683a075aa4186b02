"""The shapes of requests and answers; what is not named here is refused."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "EmbeddingsRequest",
    "Item",
    "ItemLabel",
    "ItemsRequest",
    "LocateRequest",
    "MapItemsRequest",
    "MatchRequest",
    "Nothing",
    "Query",
    "QueryRequest",
    "RelabelRequest",
    "SelectRequest",
]

Vector = list[float]
ItemId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=512)]
Label = str | int | float | bool | None
Base64 = Annotated[str, Meta(description="A JPEG, PNG or WebP file in base64")]


class Query(Struct, forbid_unknown_fields=True):
    """What to look for: exactly one of these."""

    vector: Vector | None = None
    vectors: list[Vector] | None = None
    id: ItemId | None = None
    image: Base64 | None = None
    images: list[Base64] | None = None
    text: str | None = None
    texts: list[str] | None = None


class QueryRequest(Query, forbid_unknown_fields=True):
    """Find the k nearest items of each query."""

    k: Annotated[int, Meta(ge=1)] = 10
    where: dict[str, Any] | None = None
    max_distance: float | None = None
    include: list[Literal["metadata", "vector"]] | UnsetType = UNSET


class MatchRequest(Query, forbid_unknown_fields=True):
    """Label each query, or none, by the calibrated threshold."""

    cutpoint: str = "optimal"


class Item(Struct, forbid_unknown_fields=True):
    """An item to add or to replace: an id, exactly one of vector, image and text, and what is kept beside it."""

    id: ItemId
    vector: Vector | None = None
    image: Base64 | None = None
    text: str | None = None
    label: Label = None
    metadata: dict[str, Any] | None = None


class ItemsRequest(Struct, forbid_unknown_fields=True):
    """Items that are added whole, or not at all."""

    items: list[Item]


class ItemLabel(Struct, forbid_unknown_fields=True):
    """An item and its new label, null for none."""

    id: ItemId
    label: Label


class RelabelRequest(Struct, forbid_unknown_fields=True):
    """Labels that are all changed, or none; whatever else belongs to the items stays."""

    items: list[ItemLabel]


class SelectRequest(Struct, forbid_unknown_fields=True):
    """Everything inside a polygon on a map, but items of hidden labels."""

    map: int
    polygon: Annotated[list[tuple[float, float]], Meta(min_length=3, max_length=500)]
    hidden: list[int] = []


class MapItemsRequest(Struct, forbid_unknown_fields=True):
    """Which items some points of a map are."""

    map: int
    rows: list[Annotated[int, Meta(ge=0)]]


class LocateRequest(Struct, forbid_unknown_fields=True):
    """Where some items are on a map."""

    map: int
    ids: list[ItemId]


class EmbeddingsRequest(Struct, forbid_unknown_fields=True):
    """OpenAI's request; an image is a data URL."""

    input: str | list[str]
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


class Nothing(Struct, forbid_unknown_fields=True):
    """A request that says nothing beside its path."""
