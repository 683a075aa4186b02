"""A model file → an encoder: ONNX without a framework, `.keras` with Keras."""

import importlib
from pathlib import Path
from typing import Any

from keras_similarity.embed import Encoder
from keras_similarity.embed.model_files import check_digest, keras_encoder, open_model

__all__ = ["check_encoder", "load_keras", "open_encoder"]


def open_encoder(path: Path, sha256: str | None = None) -> Encoder:
    """Load a model.

    Args:
        path: The file.
        sha256: What `sha256sum` says of the one that is meant; None for any.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: a file of another kind, or a model whose input or output is none an encoder has.
        ModelFileError: damaged, with classes that are not allowed, or another file than the one that is meant.
    """
    if sha256 is not None and path.is_file():
        check_digest(path, sha256)
    if path.suffix != ".keras" or not path.is_file():
        return open_model(path)
    from keras_similarity.models.adapters.forward import Forward

    model = load_keras(path)
    # From several threads at once: the server goes on while one call hangs.
    return keras_encoder(model, path.stem, Forward(model))


def check_encoder(path: Path) -> None:
    """Look at a model file of which nobody says who made it, before anything opens it.

    Raises:
        ModelFileError: damaged, or with classes that are not allowed.
    """
    if path.suffix != ".keras" or not path.is_file():
        return
    _know_classes()
    from keras_similarity.models.allowed_classes import check_model_file

    check_model_file(path)


def load_keras(path: Path) -> Any:
    """Load a `.keras` file of which nobody says who made it; see `check_encoder`."""
    _know_classes()
    from keras_similarity import models

    return models.load_model(path, compile=False)


def _know_classes() -> None:
    """Have Keras know the classes of a model before it reads one."""
    from keras_similarity.backend import require_backend

    require_backend()
    for package in ("layers", "losses"):
        importlib.import_module(f"keras_similarity.{package}")
