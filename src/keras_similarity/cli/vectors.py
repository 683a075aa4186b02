"""Vectors for a command: from a Parquet file, or from a folder of images and a model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.cli.encoders import open_encoder
from keras_similarity.cli.image_folder import find_images
from keras_similarity.core.image_folder import images_by_class
from keras_similarity.embed import read_shards
from keras_similarity.embed.images import check_takes_images, read_images
from keras_similarity.embed.shards import MANIFEST, is_embeddings
from keras_similarity.export import VectorBatch, read_parquet

__all__ = ["all_vectors", "image_batches", "source_files", "vector_batches"]

ROWS = 1024  # images embedded at a time


def vector_batches(source: Path, encoder: Path | None, image_pixels: int, *, first: int = 0) -> Iterator[VectorBatch]:
    """Return the vectors of a Parquet file, of a folder that `embed` filled, or of a folder of images.

    Args:
        source: The file or folder.
        encoder: The model, for images.
        image_pixels: The most that an image may have.
        first: The row to begin with, at which a batch begins too.
    """
    if source.is_dir() and not is_embeddings(source):
        yield from image_batches(source, encoder, image_pixels, first=first)
        return
    if not source.exists():
        raise FileNotFoundError(f"neither a Parquet file nor a folder is at {source}.\n  Check the path.")
    at = 0
    for batch in read_shards(source) if source.is_dir() else read_parquet(source):
        if at >= first:
            yield batch
        at += len(batch.vectors)


def image_batches(folder: Path, encoder: Path | None, image_pixels: int, *, first: int = 0) -> Iterator[VectorBatch]:
    """Return the embeddings of a folder's images; ids are paths within it, labels its subfolders."""
    paths, labels = find_images(folder)
    if encoder is None:
        raise ValueError(f"{folder} is a folder of images, which needs a model.\n  Pass --encoder model.keras.")
    model = open_encoder(encoder)
    check_takes_images(model, folder)
    for start in range(first, len(paths), ROWS):
        part = paths[start : start + ROWS]
        vectors = model(read_images(part, model.shape, most_pixels=image_pixels))
        ids = [path.relative_to(folder).as_posix() for path in part]
        yield VectorBatch(vectors, ids, labels[start : start + ROWS], None)


def source_files(source: Path) -> list[Path]:
    """Return the files that tell whether a source is still the same."""
    if is_embeddings(source):
        return [source / MANIFEST] if (source / MANIFEST).is_file() else []
    return images_by_class(source)[0] if source.is_dir() else [source] if source.is_file() else []


def all_vectors(
    source: Path, encoder: Path | None, image_pixels: int
) -> tuple[NDArray[np.float32], list[Any], list[Any]]:
    """Return vectors `(n, d)`, ids and labels at once; None for each where there is none.

    Raises:
        ValueError: nothing is there.
    """
    batches = list(vector_batches(source, encoder, image_pixels))
    if not batches:
        raise ValueError(f"{source} holds no vectors.\n  Embed something first.")
    ids = [value for batch in batches for value in batch.ids or [None] * len(batch.vectors)]
    labels = [value for batch in batches for value in batch.labels or [None] * len(batch.vectors)]
    return np.concatenate([batch.vectors for batch in batches]), ids, labels
