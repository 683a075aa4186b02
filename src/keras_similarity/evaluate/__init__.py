"""Neighbours and true labels → numbers."""

from keras_similarity.evaluate.clustering import compare_clusters, evaluate_clustering
from keras_similarity.evaluate.embeddings import evaluate_embeddings
from keras_similarity.evaluate.index_recall import index_recall
from keras_similarity.evaluate.k_means import kmeans
from keras_similarity.evaluate.pairs import DistanceHistogram, PairDistances, distance_histogram, pair_distances
from keras_similarity.evaluate.report import RetrievalReport
from keras_similarity.evaluate.retrieval import (
    evaluate_result,
    evaluate_retrieval,
    retrieval_report,
    retrieval_scores,
)
from keras_similarity.evaluate.verification import (
    OperatingPoint,
    VerificationCurve,
    evaluate_verification,
    verify_pairs,
)

__all__ = [
    "DistanceHistogram",
    "OperatingPoint",
    "PairDistances",
    "RetrievalReport",
    "VerificationCurve",
    "compare_clusters",
    "distance_histogram",
    "evaluate_clustering",
    "evaluate_embeddings",
    "evaluate_result",
    "evaluate_retrieval",
    "evaluate_verification",
    "index_recall",
    "kmeans",
    "pair_distances",
    "retrieval_report",
    "retrieval_scores",
    "verify_pairs",
]
