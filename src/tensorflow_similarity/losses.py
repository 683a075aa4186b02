"""Losses under their upstream names; those of two views with upstream's arguments."""

from typing import Any

from keras_similarity import losses
from keras_similarity.core.checks import check_choice
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
    "Barlow",
    "CircleLoss",
    "LiftedStructLoss",
    "MetricLoss",
    "MultiNegativesRankLoss",
    "MultiSimilarityLoss",
    "PNLoss",
    "SimCLRLoss",
    "SimSiamLoss",
    "SoftNearestNeighborLoss",
    "TripletLoss",
    "VicReg",
]

OTHER: Any = None  # of upstream's arguments, those that are gone
SAME_GRADIENT = ("negative_cosine_sim", "cosine_distance")  # but for a constant


def SimCLRLoss(temperature: float = 0.05, name: str = "simclr_loss") -> losses.NTXentLoss:
    """Build `keras_similarity.losses.NTXentLoss`."""
    return losses.NTXentLoss(temperature=temperature, name=name)


def SimSiamLoss(
    projection_type: str = "negative_cosine_sim", margin: Any = OTHER, name: str = "simsiam_loss"
) -> losses.SimSiamLoss:
    """Build `keras_similarity.losses.SimSiamLoss`."""
    check_choice(projection_type, SAME_GRADIENT, name="projection_type", hint="Angles have no bounded gradient.")
    return losses.SimSiamLoss(name)


def Barlow(lambda_: float = 5e-3, margin: Any = OTHER, name: str = "barlow") -> losses.BarlowTwinsLoss:
    """Build `keras_similarity.losses.BarlowTwinsLoss`."""
    return losses.BarlowTwinsLoss(lambda_, name)


def VicReg(
    std_const: Any = OTHER, lambda_: float = 25, mu: float = 25, nu: float = 1, name: str = "vicreg_loss"
) -> losses.VICRegLoss:
    """Build `keras_similarity.losses.VICRegLoss`."""
    return losses.VICRegLoss(lambda_, mu, nu, name)
