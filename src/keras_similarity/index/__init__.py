"""Vectors and records in, neighbours out."""

from keras_similarity.index.index import Index

__all__ = ["Index"]
