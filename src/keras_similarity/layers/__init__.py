"""Layers that end an encoder in an embedding."""

from keras_similarity.layers.metric_embedding import MetricEmbedding

__all__ = ["MetricEmbedding"]
