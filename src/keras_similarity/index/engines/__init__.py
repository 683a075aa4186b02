"""Engines: queries × rows → the nearest rows. Each is registered here by the name users write."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.engines.exact import ExactEngine

__all__ = ["ENGINES", "ExactEngine", "SearchEngine"]


class SearchEngine(Protocol):
    """What an index asks of an engine. It reads the index's rows; it never owns ids or labels."""

    name: str

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return rows and distances `(q, k)`, nearest first; row -1 and +inf where there are fewer."""
        ...


ENGINES = {ExactEngine.name: ExactEngine}
