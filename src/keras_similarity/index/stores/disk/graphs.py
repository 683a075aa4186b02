"""Graphs in files beside the segments: a cache, checked as a whole, and built again where it is missing or damaged."""

import contextlib
import logging
import mmap
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.graph import Graph
from keras_similarity.index.stores.disk.files import sweep, write_whole

__all__ = ["GRAPHS", "GraphFiles"]

logger = logging.getLogger(__name__)

GRAPHS = "graphs"


class GraphFiles:
    """The graphs of an index.

    Args:
        folder: Where the index is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / GRAPHS

    def write(self, number: int, segment: int, graph: Graph | None) -> dict[str, Any] | None:
        """Write a graph over a segment, and return what the database is to say of it."""
        if graph is None:
            return None
        content = graph.engine.dump()
        name = f"{number:08d}.graph"
        self.folder.mkdir(exist_ok=True)  # an empty folder is easily lost on the way from one machine to another
        write_whole(self.folder / name, lambda file: file.write(content.data))
        return {
            "file": name,
            "segment": segment,
            "bytes": content.nbytes,
            "crc": zlib.crc32(content.data),
            "report": graph.report.as_dict(),
        }

    def read(self, about: dict[str, Any]) -> NDArray[np.uint8] | None:
        """Return a graph's bytes once they were checked, or None where they are missing or damaged."""
        path = self.folder / about["file"]
        if not path.is_file():  # to open a pipe would wait for somebody who writes to it
            logger.warning("%s is missing, and searches are exact until it is built again", path)
            return None
        try:
            with path.open("rb") as file:
                content = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read, and searches are exact until it is built again: %s", path, error)
            return None
        if content.nbytes != about["bytes"] or zlib.crc32(content.data) != about["crc"]:
            logger.warning("%s is damaged, and searches are exact until it is built again", path)
            return None
        return content

    def drop(self, about: dict[str, Any] | None) -> None:
        """Delete a graph that nobody names."""
        if about is not None:
            with contextlib.suppress(OSError):
                (self.folder / about["file"]).unlink(missing_ok=True)

    def sweep(self, about: dict[str, Any] | None) -> None:
        """Delete every file but the one named."""
        sweep(self.folder, set() if about is None else {about["file"]})
