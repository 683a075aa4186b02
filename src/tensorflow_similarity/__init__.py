"""TensorFlow Similarity's names, on Keras 3: programs written for it run unchanged. Names only, no logic.

New programs import `keras_similarity`; moving over is a change of prefix.
"""

from keras_similarity import __version__
from tensorflow_similarity import callbacks, layers, losses, models, samplers, training_metrics, visualization

__all__ = ["__version__", "callbacks", "layers", "losses", "models", "samplers", "training_metrics", "visualization"]
