"""What a label is called in a picture."""

from typing import Any

__all__ = ["name_of"]


def name_of(label: Any, names: Any) -> str:
    """Return the name that a mapping or list has for a label, or the label itself."""
    if names is None:
        return str(label)
    try:
        return str(names[label])
    except (LookupError, TypeError):
        return str(label)
