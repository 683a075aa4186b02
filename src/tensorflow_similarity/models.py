"""Models under their upstream names."""

from keras_similarity.models import SimilarityModel

__all__ = ["SimilarityModel"]
