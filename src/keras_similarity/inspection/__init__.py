"""What is wrong with the data: copies, outliers, wrong labels and thin classes, from one neighbour graph."""

from keras_similarity.inspection.coverage import coverage
from keras_similarity.inspection.duplicates import find_duplicates
from keras_similarity.inspection.graph import NeighborGraph, index_graph, neighbor_graph
from keras_similarity.inspection.label_issues import find_label_issues
from keras_similarity.inspection.outliers import find_outliers

__all__ = [
    "NeighborGraph",
    "coverage",
    "find_duplicates",
    "find_label_issues",
    "find_outliers",
    "index_graph",
    "neighbor_graph",
]
