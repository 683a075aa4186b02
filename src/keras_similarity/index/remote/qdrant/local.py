"""Folders that Qdrant's client works in without a server: one client each in a process, one thread at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Shared", "leave", "share"]

_GUARD = threading.Lock()
_SHARED: dict[str, "Shared"] = {}  # by folder


@dataclass(slots=True)
class Shared:
    """A client that several indexes use.

    Args:
        client: Of the folder.
        turn: Who holds it may call the client.
        users: How many indexes use it.
    """

    client: Any
    turn: Any = field(default_factory=threading.RLock)
    users: int = 0


def share(folder: str, make: Callable[[], Any]) -> Shared:
    """Return the client of a folder, made if nobody uses it yet."""
    key = str(Path(folder).resolve())
    with _GUARD:
        if key not in _SHARED:
            _SHARED[key] = Shared(make())
        _SHARED[key].users += 1
        return _SHARED[key]


def leave(folder: str) -> None:
    """Use the client of a folder no more; the last user closes it."""
    key = str(Path(folder).resolve())
    with _GUARD:
        shared = _SHARED[key]
        shared.users -= 1
        if not shared.users:
            del _SHARED[key]
            with shared.turn:
                shared.client.close()
