"""What an index is made with, checked once, and written down with it."""

from dataclasses import dataclass
from typing import Any

from keras_similarity.core.checks import check_choice, check_whole
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.errors import IndexMismatchError
from keras_similarity.index.engines import ENGINES
from keras_similarity.index.items import Space
from keras_similarity.index.planner import Wish, check_memory, check_recall
from keras_similarity.index.rows import FLOATS

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of an index; see `Index` for their meaning."""

    dim: int
    distance: Distance
    engine: str
    storage: str
    truncate_dim: int | None
    recall: float
    memory: int | None
    model: str | None

    @classmethod
    def checked(
        cls,
        dim: Any,
        distance: Any = "cosine",
        engine: Any = "auto",
        storage: Any = "float32",
        truncate_dim: Any = None,
        recall: Any = 0.99,
        memory: Any = None,
        model: Any = None,
    ) -> "Settings":
        """Return settings, or raise a ValueError for one that cannot be."""
        dim = check_whole(dim, name="dim", minimum=1)
        check_choice(engine, ["auto", *ENGINES], name="engine")
        check_choice(storage, FLOATS, name="storage")
        if truncate_dim is not None:
            truncate_dim = _check_width(truncate_dim, dim)
        if model is not None and not isinstance(model, str):
            raise ValueError(f"`model` must be a string: got {model!r:.60}.\n  Pass a name or a hash of its weights.")
        known = get_distance(distance)
        settings = cls(dim, known, engine, storage, truncate_dim, check_recall(recall), check_memory(memory), model)
        settings.wish.check()
        return settings

    @property
    def space(self) -> Space:
        """What vectors the index holds."""
        return Space(self.dim, self.distance, FLOATS[self.storage], self.truncate_dim or self.dim)

    @property
    def wish(self) -> Wish:
        """What was asked of engines."""
        return Wish(self.engine, self.distance, self.storage, self.recall, self.memory)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values; of a distance its name."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return found | {"distance": self.distance.name}

    @classmethod
    def from_json(cls, values: dict[str, Any], distance: str | Distance | None = None) -> "Settings":
        """Rebuild what `to_json` returned.

        Args:
            values: The JSON values; others among them are left alone.
            distance: The distance it must be, for a distance of the user's own; None for the one written down.

        Raises:
            IndexMismatchError: it was written with another distance.
        """
        given = {name: values[name] for name in cls.__slots__ if name in values}
        if distance is not None:
            known = get_distance(distance)
            if known.name != given["distance"]:
                raise IndexMismatchError(
                    f"this index compares by {given['distance']} distance: got distance={known.name!r}.\n"
                    "  Leave `distance` out, or make an index of its embeddings anew."
                )
            given["distance"] = known
        return cls.checked(**given)

    def require_model(self, model: str | None) -> None:
        """Raise an IndexMismatchError for another model than made the embeddings, where both are known."""
        if None not in (model, self.model) and model != self.model:
            raise IndexMismatchError(
                f"this index has model {self.model!r}: asked for was model {model!r}.\n"
                "  Take the index of this model, or index the data with it anew."
            )


def _check_width(truncate_dim: Any, dim: int) -> int:
    width = check_whole(truncate_dim, name="truncate_dim", minimum=1)
    if width > dim:
        raise ValueError(
            f"`truncate_dim` must be at most `dim`, {dim}: got {width}.\n  Leave it out to keep every number."
        )
    return width
