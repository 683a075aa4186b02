"""What a label is called in a picture, and in which order names stand."""

import re
from typing import Any

__all__ = ["name_of", "natural_order"]

DIGITS = re.compile(r"(\d+)", re.ASCII)


def name_of(label: Any, names: Any) -> str:
    """Return the name that a mapping or list has for a label, or the label itself."""
    if names is None:
        return str(label)
    try:
        return str(names[label])
    except (LookupError, TypeError):
        return str(label)


def natural_order(name: str) -> tuple[Any, ...]:
    """Return what to sort names by, so that 9 stands before 10 and "b 9" before "b 10".

    Example:
        >>> sorted(["10", "9", "b 10", "b 9"], key=natural_order)
        ['9', '10', 'b 9', 'b 10']
    """
    parts = DIGITS.split(name)  # text and digits in turns, so text is compared with text
    return *((int(part) if place % 2 else part) for place, part in enumerate(parts)), name
