"""Training metrics under their upstream names."""

from keras_similarity.metrics import DistanceGap as dist_gap
from keras_similarity.metrics import NegativeDistance as avg_neg
from keras_similarity.metrics import PositiveDistance as avg_pos

__all__ = ["avg_neg", "avg_pos", "dist_gap"]
