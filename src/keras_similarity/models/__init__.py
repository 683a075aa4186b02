"""Both sides meet here: Keras models that own an index."""

from keras_similarity.models.files import load_model
from keras_similarity.models.similarity_model import SimilarityModel

__all__ = ["SimilarityModel", "load_model"]
