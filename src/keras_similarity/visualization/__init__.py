"""Neighbours, calibrations and what is wrong with the data → pictures."""

from keras_similarity.visualization.calibration import viz_distances, viz_reliability, viz_thresholds
from keras_similarity.visualization.confusion import confusion_matrix
from keras_similarity.visualization.inspection import viz_coverage, viz_duplicates, viz_label_issues, viz_outliers
from keras_similarity.visualization.neighbors import viz_neighbors, viz_neighbors_grid
from keras_similarity.visualization.projection import project

__all__ = [
    "confusion_matrix",
    "project",
    "viz_coverage",
    "viz_distances",
    "viz_duplicates",
    "viz_label_issues",
    "viz_neighbors",
    "viz_neighbors_grid",
    "viz_outliers",
    "viz_reliability",
    "viz_thresholds",
]
