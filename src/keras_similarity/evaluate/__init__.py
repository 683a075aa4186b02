"""Neighbours and true labels → numbers."""

from keras_similarity.evaluate.embeddings import evaluate_embeddings
from keras_similarity.evaluate.index_recall import index_recall
from keras_similarity.evaluate.report import RetrievalReport
from keras_similarity.evaluate.retrieval import (
    evaluate_result,
    evaluate_retrieval,
    retrieval_report,
    retrieval_scores,
)

__all__ = [
    "RetrievalReport",
    "evaluate_embeddings",
    "evaluate_result",
    "evaluate_retrieval",
    "index_recall",
    "retrieval_report",
    "retrieval_scores",
]
