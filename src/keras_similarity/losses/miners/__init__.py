"""Miners: which pairs of a batch a loss compares. They go with any loss, as `miner=`."""

from keras_similarity.losses.miners.angular import AngularMiner
from keras_similarity.losses.miners.batch_easy_hard import (
    BatchEasyHardMiner,
    BatchHardMiner,
    EasyPositiveMiner,
    SemiHardMiner,
)
from keras_similarity.losses.miners.distance_weighted import DistanceWeightedMiner
from keras_similarity.losses.miners.miner import Miner
from keras_similarity.losses.miners.multi_similarity import MultiSimilarityMiner
from keras_similarity.losses.miners.pair_margin import PairMarginMiner

__all__ = [
    "AngularMiner",
    "BatchEasyHardMiner",
    "BatchHardMiner",
    "DistanceWeightedMiner",
    "EasyPositiveMiner",
    "Miner",
    "MultiSimilarityMiner",
    "PairMarginMiner",
    "SemiHardMiner",
]
