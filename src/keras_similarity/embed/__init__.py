"""An encoder and examples → embeddings: a batch of them, or all of a source, on one machine or many."""

from keras_similarity.embed.bulk import BulkResult, embed
from keras_similarity.embed.encode import encode
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.frozen_cache import FrozenCache
from keras_similarity.embed.images import ImageTooLargeError, UnsupportedImageError, read_image
from keras_similarity.embed.shards import read_shards

__all__ = [
    "BulkResult",
    "Encoder",
    "FrozenCache",
    "ImageTooLargeError",
    "UnsupportedImageError",
    "embed",
    "encode",
    "read_image",
    "read_shards",
]
