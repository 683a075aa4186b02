"""Some rows of a source, made for an encoder, and what tells its files from others."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.images import read_images

__all__ = ["Items", "files_fingerprint", "inputs_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Some rows of a source.

    Args:
        inputs: What an encoder takes, `(n, …)`.
        ids, labels, metadata: One a row, each.
    """

    inputs: Any
    ids: list[Any]
    labels: list[Any]
    metadata: list[dict[str, Any] | None]


def inputs_of(values: Sequence[Any] | NDArray[Any], encoder: Encoder, most_pixels: int) -> Any:
    """Return values as an encoder takes them: images from their files' content, others as they are.

    Raises:
        ValueError: rows of another shape than it takes.
    """
    if encoder.kind == "text":
        return np.asarray(values, object)
    if encoder.kind == "image" and not isinstance(values, np.ndarray):
        contents = [value["bytes"] if isinstance(value, dict) else value for value in values]  # as data sets keep them
        if contents and isinstance(contents[0], bytes | str | Path):
            files = [Path(value) if isinstance(value, str) else value for value in contents]
            return read_images(files, encoder.shape, most_pixels=most_pixels)
        values = [as_array(value) for value in contents]
    rows = np.asarray(values)
    if rows.shape[1:] != encoder.shape:
        raise ValueError(
            f"the encoder {encoder.name!r} takes rows of shape {encoder.shape}: got {rows.shape[1:]}.\n"
            "  Bring them to this shape."
        )
    return rows


def files_fingerprint(folder: Path, paths: list[Path]) -> str:
    """Return a hash of files' names, sizes and times of change."""
    digest = blake2b(digest_size=16)
    for path in paths:
        about = path.stat()
        digest.update(f"{path.relative_to(folder)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()
