"""Distances under their upstream names: each is a value here, and is made by calling its name."""

from functools import partial

from keras_similarity.core.distances import get_distance

__all__ = [
    "CosineDistance",
    "EuclideanDistance",
    "InnerProductSimilarity",
    "ManhattanDistance",
    "SNRDistance",
    "SquaredEuclideanDistance",
    "get",
]

CosineDistance = partial(get_distance, "cosine")
EuclideanDistance = partial(get_distance, "euclidean")
InnerProductSimilarity = partial(get_distance, "inner_product")
ManhattanDistance = partial(get_distance, "manhattan")
SNRDistance = partial(get_distance, "snr")
SquaredEuclideanDistance = partial(get_distance, "squared_euclidean")
get = get_distance
