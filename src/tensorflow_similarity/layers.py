"""Layers under their upstream names."""

from keras_similarity.layers import MetricEmbedding

__all__ = ["MetricEmbedding"]
