"""Making and opening an index in a database: what fails on the way is said alike, and leaves no connection behind."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from keras_similarity.core.distances import Distance
from keras_similarity.errors import IndexFormatError
from keras_similarity.index.settings import Settings

__all__ = ["check_version", "closed_on_failure", "holds_none", "missing", "settings_as_asked", "taken"]


class Closable(Protocol):
    """A session of any database."""

    def close(self) -> None:
        """Close the connection."""


@contextmanager
def closed_on_failure(session: Closable) -> Generator[None]:
    """Close a session that no index takes over, whatever the reason; Ctrl-C is one."""
    try:
        yield
    except BaseException:
        session.close()
        raise


def settings_as_asked(known: dict[str, Any], distance: str | Distance | None, model: str | None) -> Settings:
    """Return the settings that a database has of an index, which must be those that are asked for.

    Raises:
        IndexMismatchError: they are of another distance or model.
    """
    settings = Settings.from_json(known, distance)
    settings.require_model(model)
    return settings


def missing(shown: str) -> FileNotFoundError:
    """Return the error for a place without an index."""
    return FileNotFoundError(f"no index at {shown}.\n  Check the table, or make one: Index(dim, store=…).")


def taken(shown: str, kind: str = "collection") -> FileExistsError:
    """Return the error for making an index where a table or collection is."""
    return FileExistsError(
        f"there is a {kind} already at {shown}.\n  Open it with `Index.open`, or choose another table."
    )


def holds_none(shown: str) -> IndexFormatError:
    """Return the error for a collection that is not of an index."""
    return IndexFormatError(
        f"the collection of {shown} holds no index, or one whose making was interrupted.\n"
        "  Choose another table, or drop the collection."
    )


def check_version(version: int, known: int, shown: str) -> None:
    """Raise an IndexFormatError for a collection of another version than is known here."""
    if version != known:
        raise IndexFormatError(
            f"the collection of {shown} is of version {version}; this release reads version {known}.\n"
            "  Upgrade with: pip install -U keras-similarity"
        )
