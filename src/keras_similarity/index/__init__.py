"""Vectors and records in, neighbours out."""

from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.index import Index

__all__ = ["CheckReport", "EngineReport", "Index"]
