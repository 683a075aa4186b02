"""Pictures under their upstream names, the misspelt one included."""

from keras_similarity.visualization import confusion_matrix
from keras_similarity.visualization import viz_neighbors as viz_neigbors_imgs

__all__ = ["confusion_matrix", "viz_neigbors_imgs"]
