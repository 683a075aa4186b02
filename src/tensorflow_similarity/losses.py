"""Losses under their upstream names."""

from keras_similarity.losses import (
    CircleLoss,
    MultiSimilarityLoss,
    PNLoss,
    SoftNearestNeighborLoss,
    TripletLoss,
)

__all__ = [
    "CircleLoss",
    "MultiSimilarityLoss",
    "PNLoss",
    "SoftNearestNeighborLoss",
    "TripletLoss",
]
