"""Samplers under their upstream names."""

from keras_similarity.samplers import MultiShotMemorySampler, TFDatasetMultiShotMemorySampler

__all__ = ["MultiShotMemorySampler", "TFDatasetMultiShotMemorySampler"]
