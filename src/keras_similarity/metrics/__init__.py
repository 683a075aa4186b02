"""What to watch while a model trains: `keras.metrics` over labels and embeddings."""

from keras_similarity.metrics.activation_std import ActivationStd
from keras_similarity.metrics.pair_distances import DistanceGap, NegativeDistance, PositiveDistance

__all__ = ["ActivationStd", "DistanceGap", "NegativeDistance", "PositiveDistance"]
