"""TensorFlow Similarity's names, on Keras 3: programs written for it run unchanged.

Names, and where upstream's arguments are others than ours, lines that hand them on. New programs import
`keras_similarity`; moving over is a change of prefix.
"""

from keras_similarity import __version__
from tensorflow_similarity import (
    architectures,
    augmenters,
    callbacks,
    classification_metrics,
    distances,
    layers,
    losses,
    matchers,
    models,
    retrieval_metrics,
    samplers,
    schedules,
    training_metrics,
    types,
    visualization,
)

__all__ = [
    "__version__",
    "architectures",
    "augmenters",
    "callbacks",
    "classification_metrics",
    "distances",
    "layers",
    "losses",
    "matchers",
    "models",
    "retrieval_metrics",
    "samplers",
    "schedules",
    "training_metrics",
    "types",
    "visualization",
]
