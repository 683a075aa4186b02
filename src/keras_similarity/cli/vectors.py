"""Vectors for a command: from a Parquet file, or from a folder of images and a model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.cli.encoders import open_encoder
from keras_similarity.cli.image_folder import find_images
from keras_similarity.embed import read_shards
from keras_similarity.embed.images import read_images
from keras_similarity.embed.shards import is_embeddings
from keras_similarity.export import VectorBatch, read_parquet

__all__ = ["all_vectors", "image_batches", "vector_batches"]

ROWS = 1024  # images embedded at a time


def vector_batches(source: Path, encoder: Path | None) -> Iterator[VectorBatch]:
    """Return the vectors of a Parquet file, of a folder that `embed` filled, or of a folder of images."""
    if is_embeddings(source):
        yield from read_shards(source)
    elif source.is_dir():
        yield from image_batches(source, encoder)
    elif source.is_file():
        yield from read_parquet(source)
    else:
        raise FileNotFoundError(f"neither a Parquet file nor a folder is at {source}.\n  Check the path.")


def image_batches(folder: Path, encoder: Path | None) -> Iterator[VectorBatch]:
    """Return the embeddings of a folder's images; ids are paths within it, labels its subfolders."""
    if encoder is None:
        raise ValueError(f"{folder} is a folder of images, which needs a model.\n  Pass --encoder model.keras.")
    model = open_encoder(encoder)
    paths, labels = find_images(folder)
    for start in range(0, len(paths), ROWS):
        part = paths[start : start + ROWS]
        vectors = model(read_images(part, model.shape))
        ids = [path.relative_to(folder).as_posix() for path in part]
        yield VectorBatch(vectors, ids, labels[start : start + ROWS], None)


def all_vectors(source: Path, encoder: Path | None) -> tuple[NDArray[np.float32], list[Any], list[Any]]:
    """Return vectors `(n, d)`, ids and labels at once; None for each where there is none.

    Raises:
        ValueError: nothing is there.
    """
    batches = list(vector_batches(source, encoder))
    if not batches:
        raise ValueError(f"{source} holds no vectors.\n  Embed something first.")
    ids = [value for batch in batches for value in batch.ids or [None] * len(batch.vectors)]
    labels = [value for batch in batches for value in batch.labels or [None] * len(batch.vectors)]
    return np.concatenate([batch.vectors for batch in batches]), ids, labels
