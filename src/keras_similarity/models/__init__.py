"""Both sides meet here: Keras models that own an index."""

from keras_similarity.models.contrastive_model import ContrastiveModel
from keras_similarity.models.files import load_model
from keras_similarity.models.similarity_model import SimilarityModel

__all__ = ["ContrastiveModel", "SimilarityModel", "load_model"]
