"""Callbacks under their upstream names."""

from keras_similarity.callbacks import RetrievalEval as EvalCallback

__all__ = ["EvalCallback"]
