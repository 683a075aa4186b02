"""An index → HTTP. Needs the extra `serve`; no deep-learning framework."""

from keras_similarity.serve.app import create_app
from keras_similarity.serve.explorer import Explorer
from keras_similarity.serve.keys import ApiKeys
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import Metrics
from keras_similarity.serve.server import run_server
from keras_similarity.serve.service import LOOPBACK, Service, is_loopback, served_indexes

__all__ = [
    "LOOPBACK",
    "ApiKeys",
    "Explorer",
    "Limits",
    "Metrics",
    "Service",
    "create_app",
    "is_loopback",
    "run_server",
    "served_indexes",
]
