"""A model file → an encoder: ONNX without a framework, `.keras` with Keras."""

import importlib
from pathlib import Path
from typing import Any

from keras_similarity.embed import Encoder
from keras_similarity.embed.model_files import keras_encoder, open_model

__all__ = ["check_encoder", "load_keras", "open_encoder"]


def open_encoder(path: Path) -> Encoder:
    """Load a model.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: a file of another kind, or a model whose input or output is none an encoder has.
        ModelFileError: damaged, or with classes that are not allowed.
    """
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
    from keras_similarity.backend import require_backend

    require_backend()
    for package in ("layers", "losses"):  # a model's classes must be known before it is read
        importlib.import_module(f"keras_similarity.{package}")
    from keras_similarity.models.allowed_classes import check_model_file

    check_model_file(path)


def load_keras(path: Path) -> Any:
    """Load a `.keras` file of which nobody says who made it; see `check_encoder`."""
    check_encoder(path)
    from keras_similarity import models

    return models.load_model(path, compile=False)
