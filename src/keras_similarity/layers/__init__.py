"""Layers that end an encoder in an embedding."""

from keras_similarity.layers.generalized_mean import GeneralizedMeanPooling1D, GeneralizedMeanPooling2D
from keras_similarity.layers.l2_normalize import L2Normalize
from keras_similarity.layers.metric_embedding import MetricEmbedding

__all__ = ["GeneralizedMeanPooling1D", "GeneralizedMeanPooling2D", "L2Normalize", "MetricEmbedding"]
