"""Find things that are like other things.

Train an embedding in which similar items lie close together, index it, search it, know how far to trust an answer.

    import keras_similarity as ks

Importing this package loads no framework: names arrive when they are used, and Keras's backend is chosen before
Keras is imported (see `keras_similarity.backend`).
"""

import importlib
from typing import Any

from keras_similarity.backend import register_when_keras_loads, require_backend, set_backend

__version__ = "0.1.0.dev0"

# Packages that import Keras, and those that need NumPy alone.
_TRAINING = ("architectures", "augment", "callbacks", "layers", "losses", "metrics", "models", "ops", "samplers")
_SEARCH = (
    "calibrate",
    "core",
    "embed",
    "errors",
    "evaluate",
    "index",
    "export",
    "inspection",
    "serve",
    "visualization",
)
_NAMES = {
    "Index": "keras_similarity.index",
    "Lookup": "keras_similarity.core",
    "Neighbors": "keras_similarity.core",
    "SearchResult": "keras_similarity.core",
    "SimilarityModel": "keras_similarity.models",
}

__all__ = [
    "Index",
    "Lookup",
    "Neighbors",
    "SearchResult",
    "SimilarityModel",
    "architectures",
    "augment",
    "calibrate",
    "callbacks",
    "core",
    "embed",
    "errors",
    "evaluate",
    "export",
    "index",
    "inspection",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "samplers",
    "serve",
    "visualization",
]

set_backend()
register_when_keras_loads()


def __getattr__(name: str) -> Any:
    if name in _TRAINING or _NAMES.get(name) == "keras_similarity.models":
        require_backend()
    if name in _TRAINING or name in _SEARCH:
        return importlib.import_module(f"keras_similarity.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'keras_similarity' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
