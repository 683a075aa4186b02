"""Making and opening an index in a database: what fails on the way leaves no connection behind."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from keras_similarity.core.distances import Distance
from keras_similarity.index.settings import Settings

__all__ = ["closed_on_failure", "settings_as_asked"]


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
    settings.require(dim=None, distance=None, model=model)
    return settings
