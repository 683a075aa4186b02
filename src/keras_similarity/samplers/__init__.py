"""Examples with labels → class-balanced batches. Names arrive when they are used, and Keras with them."""

import importlib
from typing import Any

_NAMES = {
    "BalancedSampler": "balanced",
    "MultiShotMemorySampler": "memory",
    "Sampler": "sampler",
    "TFDatasetMultiShotMemorySampler": "adapters.tfds",
    "select_examples": "selection",
}

__all__ = [
    "BalancedSampler",
    "MultiShotMemorySampler",
    "Sampler",
    "TFDatasetMultiShotMemorySampler",
    "select_examples",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"keras_similarity.samplers.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'keras_similarity.samplers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
