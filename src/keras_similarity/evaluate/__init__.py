"""Neighbours and true labels → numbers."""

from keras_similarity.evaluate.retrieval import evaluate_retrieval, retrieval_scores

__all__ = ["evaluate_retrieval", "retrieval_scores"]
