"""Examples with labels → class-balanced batches. Names arrive when they are used, and Keras with them."""

import importlib
from typing import Any

_NAMES = {
    "BalancedSampler": "balanced",
    "MultiShotDatasetSampler": "adapters.datasets",
    "MultiShotFileSampler": "files",
    "MultiShotMemorySampler": "memory",
    "PairSampler": "pairs",
    "Sampler": "sampler",
    "SingleShotMemorySampler": "single_shot",
    "TFDataSampler": "adapters.tf_data",
    "TFDatasetMultiShotMemorySampler": "adapters.tfds",
    "TFRecordDatasetSampler": "adapters.tf_data",
    "TripletSampler": "pairs",
    "from_data_frame": "files",
    "from_directory": "files",
    "load_image": "images",
    "select_examples": "selection",
}

__all__ = [
    "BalancedSampler",
    "MultiShotDatasetSampler",
    "MultiShotFileSampler",
    "MultiShotMemorySampler",
    "PairSampler",
    "Sampler",
    "SingleShotMemorySampler",
    "TFDataSampler",
    "TFDatasetMultiShotMemorySampler",
    "TFRecordDatasetSampler",
    "TripletSampler",
    "from_data_frame",
    "from_directory",
    "load_image",
    "select_examples",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"keras_similarity.samplers.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'keras_similarity.samplers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
