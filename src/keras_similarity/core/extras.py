"""Optional packages: imported where they are used, and named with their pip line where they are missing."""

import importlib
from typing import Any

from keras_similarity.errors import MissingExtraError

__all__ = ["import_extra"]


def import_extra(module: str, *, extra: str, purpose: str) -> Any:
    """Import an optional package, or say how to install it.

    Args:
        module: What to import, such as "matplotlib.pyplot".
        extra: The extra of keras-similarity that brings it.
        purpose: What needs it, for the message.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs the package {module.split('.')[0]}: {error}.\n"
            f"  Install it with: pip install 'keras-similarity[{extra}]'"
        ) from error
