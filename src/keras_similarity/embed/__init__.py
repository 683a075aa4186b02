"""An encoder and examples → embeddings."""

from keras_similarity.embed.encode import encode
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.frozen_cache import FrozenCache
from keras_similarity.embed.images import ImageTooLargeError, UnsupportedImageError, read_image

__all__ = ["Encoder", "FrozenCache", "ImageTooLargeError", "UnsupportedImageError", "encode", "read_image"]
