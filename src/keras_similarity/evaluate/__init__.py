"""Neighbours and true labels → numbers."""

from keras_similarity.evaluate.classification import (
    ClassificationMetric,
    Outcomes,
    classification_metric_names,
    get_classification_metric,
)
from keras_similarity.evaluate.classify import evaluate_classification
from keras_similarity.evaluate.clustering import compare_clusters, evaluate_clustering
from keras_similarity.evaluate.confusion import count_confusions
from keras_similarity.evaluate.decisions import Cutpoint, Decisions, decide, label_votes
from keras_similarity.evaluate.embeddings import evaluate_embeddings
from keras_similarity.evaluate.index_recall import index_recall
from keras_similarity.evaluate.k_means import kmeans
from keras_similarity.evaluate.labeled_queries import LabeledQueries, find_labeled
from keras_similarity.evaluate.matchers import Matcher, get_matcher, matcher_names
from keras_similarity.evaluate.pairs import DistanceHistogram, PairDistances, distance_histogram, pair_distances
from keras_similarity.evaluate.report import RetrievalReport
from keras_similarity.evaluate.retrieval import (
    evaluate_result,
    evaluate_retrieval,
    retrieval_report,
    retrieval_scores,
)
from keras_similarity.evaluate.retrieval_metrics import parse_metrics
from keras_similarity.evaluate.searching import LabeledIndex
from keras_similarity.evaluate.verification import (
    OperatingPoint,
    VerificationCurve,
    evaluate_verification,
    verify_pairs,
)

__all__ = [
    "ClassificationMetric",
    "Cutpoint",
    "Decisions",
    "DistanceHistogram",
    "LabeledIndex",
    "LabeledQueries",
    "Matcher",
    "OperatingPoint",
    "Outcomes",
    "PairDistances",
    "RetrievalReport",
    "VerificationCurve",
    "classification_metric_names",
    "compare_clusters",
    "count_confusions",
    "decide",
    "distance_histogram",
    "evaluate_classification",
    "evaluate_clustering",
    "evaluate_embeddings",
    "evaluate_result",
    "evaluate_retrieval",
    "evaluate_verification",
    "find_labeled",
    "get_classification_metric",
    "get_matcher",
    "index_recall",
    "kmeans",
    "label_votes",
    "matcher_names",
    "pair_distances",
    "parse_metrics",
    "retrieval_report",
    "retrieval_scores",
    "verify_pairs",
]
