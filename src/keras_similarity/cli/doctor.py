"""`keras-similarity doctor`: what is installed here, and whether it works."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity import __version__
from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import show_values

__all__ = ["doctor"]

PACKAGES = (
    *("numpy", "keras", "jax", "tensorflow", "tensorflow-cpu", "torch", "faiss-cpu", "usearch"),
    *("litestar", "msgspec", "uvicorn", "uvloop", "onnxruntime", "pyarrow", "pillow", "matplotlib"),
)


def doctor(
    index: Annotated[Path | None, typer.Argument(help="An index to look at too.")] = None, as_json: AsJson = False
) -> None:
    """Print versions, the backend, room on the disk, and who writes to an index.

    Example: keras-similarity doctor my.index
    """
    values: dict[str, Any] = {
        "keras-similarity": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "backend": os.environ.get("KERAS_BACKEND") or "none is installed",
    }
    for package in PACKAGES:
        try:
            values[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    free = shutil.disk_usage(index if index is not None and index.exists() else Path.cwd()).free
    values["free on disk"] = f"{free / 1e9:.1f} GB"
    if index is not None:
        values |= _about_index(index)
    show_values(values, as_json=as_json)


def _about_index(path: Path) -> dict[str, Any]:
    from keras_similarity.errors import IndexLockedError, ReadOnlyIndexError
    from keras_similarity.index import Index

    with Index.open(path) as found:
        values: dict[str, Any] = {"items": len(found), "dim": found.dim, "distance": found.distance.name}
        try:
            found.remove(["keras-similarity doctor: an id that no item has"])
            values["writer"] = "nobody"
        except IndexLockedError as error:
            values["writer"] = f"process {error.pid} on {error.host}, since {error.since}"
        except ReadOnlyIndexError:
            values["writer"] = "nobody here: the folder cannot be written to"
    return values
