"""Losses under their upstream names."""

from keras_similarity.losses import (
    CircleLoss,
    LiftedStructLoss,
    MetricLoss,
    MultiNegativesRankLoss,
    MultiSimilarityLoss,
    PNLoss,
    SoftNearestNeighborLoss,
    TripletLoss,
)
from keras_similarity.losses import CrossBatchMemory as XBM

__all__ = [
    "XBM",
    "CircleLoss",
    "LiftedStructLoss",
    "MetricLoss",
    "MultiNegativesRankLoss",
    "MultiSimilarityLoss",
    "PNLoss",
    "SoftNearestNeighborLoss",
    "TripletLoss",
]
