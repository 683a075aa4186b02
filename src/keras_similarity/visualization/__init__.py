"""Neighbours, calibrations and what is wrong with the data → pictures."""

from keras_similarity.visualization.calibration import viz_distances, viz_reliability, viz_thresholds
from keras_similarity.visualization.confusion import confusion_matrix
from keras_similarity.visualization.inspection import viz_coverage, viz_duplicates, viz_label_issues, viz_outliers
from keras_similarity.visualization.neighbors import viz_neighbors, viz_neighbors_grid
from keras_similarity.visualization.page import HtmlPage
from keras_similarity.visualization.projection import project
from keras_similarity.visualization.projector import projector
from keras_similarity.visualization.report import report
from keras_similarity.visualization.training import viz_training
from keras_similarity.visualization.views import viz_views
from keras_similarity.visualization.worst_queries import viz_worst_queries

__all__ = [
    "HtmlPage",
    "confusion_matrix",
    "project",
    "projector",
    "report",
    "viz_coverage",
    "viz_distances",
    "viz_duplicates",
    "viz_label_issues",
    "viz_neighbors",
    "viz_neighbors_grid",
    "viz_outliers",
    "viz_reliability",
    "viz_thresholds",
    "viz_training",
    "viz_views",
    "viz_worst_queries",
]
