"""What to watch while a model trains: `keras.metrics` over labels and embeddings."""

from keras_similarity.metrics.pair_distances import DistanceGap, NegativeDistance, PositiveDistance

__all__ = ["DistanceGap", "NegativeDistance", "PositiveDistance"]
