"""Neighbours → pictures."""

from keras_similarity.visualization.neighbors import viz_neighbors, viz_neighbors_grid

__all__ = ["viz_neighbors", "viz_neighbors_grid"]
