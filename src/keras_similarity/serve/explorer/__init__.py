"""What the explorer page asks of an index: a map, what a threshold rejects, what is wrong with the data, previews."""

from keras_similarity.serve.explorer.explorer import Explorer

__all__ = ["Explorer"]
