"""The moments of a write that a crash can fall between, numbered in the order they are passed: for tests to crash at.

Nothing happens at a write point unless a test asked for it.
"""

from collections.abc import Callable

__all__ = ["at_write_point", "on_write_point"]

_hook: Callable[[str], None] | None = None


def at_write_point(name: str) -> None:
    """Say that a write has come to this point."""
    if _hook is not None:
        _hook(name)


def on_write_point(hook: Callable[[str], None] | None) -> None:
    """Call a function at each write point from now on; None to stop."""
    global _hook
    _hook = hook
