"""Metric losses: labels and embeddings of a batch → a number to minimise. One loss a file."""

from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.losses.multi_similarity import MultiSimilarityLoss, multi_similarity

__all__ = ["MetricLoss", "MultiSimilarityLoss", "multi_similarity"]
