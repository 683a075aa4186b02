"""Stores: where the records of an index live."""

from keras_similarity.index.stores.memory import MemoryStore

__all__ = ["MemoryStore"]
