"""Samplers under their upstream names."""

from keras_similarity.samplers import (
    MultiShotFileSampler,
    MultiShotMemorySampler,
    SingleShotMemorySampler,
    TFDataSampler,
    TFDatasetMultiShotMemorySampler,
    TFRecordDatasetSampler,
    select_examples,
)

__all__ = [
    "MultiShotFileSampler",
    "MultiShotMemorySampler",
    "SingleShotMemorySampler",
    "TFDataSampler",
    "TFDatasetMultiShotMemorySampler",
    "TFRecordDatasetSampler",
    "select_examples",
]
