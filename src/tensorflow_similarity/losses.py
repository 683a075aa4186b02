"""Losses under their upstream names."""

from keras_similarity.losses import MultiSimilarityLoss

__all__ = ["MultiSimilarityLoss"]
