"""An encoder and examples → embeddings."""

from keras_similarity.embed.encode import encode

__all__ = ["encode"]
