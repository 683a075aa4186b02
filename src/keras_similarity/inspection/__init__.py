"""What is wrong with the data, from one neighbour graph; and hard negatives to train on, from an index."""

from keras_similarity.inspection.coverage import coverage
from keras_similarity.inspection.duplicates import find_duplicates
from keras_similarity.inspection.graph import NeighborGraph, index_graph, neighbor_graph
from keras_similarity.inspection.hard_negatives import HardNegatives, mine_hard_negatives
from keras_similarity.inspection.label_issues import find_label_issues
from keras_similarity.inspection.outliers import find_outliers

__all__ = [
    "HardNegatives",
    "NeighborGraph",
    "coverage",
    "find_duplicates",
    "find_label_issues",
    "find_outliers",
    "index_graph",
    "mine_hard_negatives",
    "neighbor_graph",
]
