"""Engines: queries × rows → the nearest rows. Each is registered here by the name users write."""

from typing import Any

from keras_similarity.index.engines.binary import BinaryScan
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.engines.faiss_graph import FaissGraph, FaissGraphInt8
from keras_similarity.index.engines.faiss_lists import FaissLists, FaissProducts
from keras_similarity.index.engines.protocol import SearchEngine
from keras_similarity.index.engines.usearch import UsearchGraph

__all__ = [
    "APPROXIMATE",
    "ENGINES",
    "BinaryScan",
    "ExactEngine",
    "FaissGraph",
    "FaissGraphInt8",
    "FaissLists",
    "FaissProducts",
    "SearchEngine",
    "UsearchGraph",
]

APPROXIMATE: dict[str, Any] = {
    engine.name: engine for engine in (FaissGraph, FaissGraphInt8, FaissLists, FaissProducts, BinaryScan, UsearchGraph)
}
ENGINES: tuple[str, ...] = (ExactEngine.name, *APPROXIMATE)
