"""The words every other package shares: distances, labels, results and the checks at the public doors."""

from keras_similarity.core.distances import (
    Distance,
    distance_names,
    get_distance,
    pairwise_distances,
    register_distance,
)
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.results import Lookup, Neighbors, Record, SearchResult

__all__ = [
    "Distance",
    "LabelVocabulary",
    "Lookup",
    "Neighbors",
    "Record",
    "SearchResult",
    "distance_names",
    "get_distance",
    "pairwise_distances",
    "register_distance",
]
