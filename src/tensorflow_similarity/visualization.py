"""Pictures under their upstream names, the misspelt one included."""

from keras_similarity.visualization import confusion_matrix, projector
from keras_similarity.visualization import viz_neighbors as viz_neigbors_imgs

__all__ = ["confusion_matrix", "projector", "viz_neigbors_imgs"]
