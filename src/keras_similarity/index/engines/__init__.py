"""Engines: queries × rows → the nearest rows. Each is registered here by the name users write."""

from keras_similarity.index.engines.exact import ExactEngine

__all__ = ["ENGINES", "ExactEngine"]

ENGINES = {ExactEngine.name: ExactEngine}
