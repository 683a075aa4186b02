"""An encoder and examples → embeddings."""

from keras_similarity.embed.encode import encode
from keras_similarity.embed.frozen_cache import FrozenCache

__all__ = ["FrozenCache", "encode"]
