"""Layers under their upstream names."""

from keras_similarity.layers import GeneralizedMeanPooling1D, GeneralizedMeanPooling2D, MetricEmbedding

__all__ = ["GeneralizedMeanPooling1D", "GeneralizedMeanPooling2D", "MetricEmbedding"]
