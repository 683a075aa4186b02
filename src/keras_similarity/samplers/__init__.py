"""Examples with labels → class-balanced batches."""

from keras_similarity.samplers.adapters.tfds import TFDatasetMultiShotMemorySampler
from keras_similarity.samplers.memory import MultiShotMemorySampler

__all__ = ["MultiShotMemorySampler", "TFDatasetMultiShotMemorySampler"]
