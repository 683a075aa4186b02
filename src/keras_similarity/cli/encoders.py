"""A model file → an encoder: ONNX without a framework, `.keras` with Keras."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from keras_similarity.embed import Encoder

__all__ = ["keras_encoder", "load_keras", "open_encoder"]

SCALING_LAYERS = ("Rescaling", "Normalization")


def open_encoder(path: Path) -> Encoder:
    """Load a model.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: a file of another kind, or a model whose input or output is none an encoder has.
        ModelFileError: damaged, or with classes that are not allowed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}.\n  Check the path.")
    if path.suffix == ".onnx":
        from keras_similarity.embed.onnx import open_onnx

        return open_onnx(path)
    if path.suffix != ".keras":
        raise ValueError(f"a model must be a .keras or an .onnx file: got {path.name}.\n  Save or export it so.")
    return keras_encoder(load_keras(path), path.stem)


def load_keras(path: Path) -> Any:
    """Load a `.keras` file of which nobody says who made it.

    Raises:
        ModelFileError: damaged, or with classes that are not allowed.
    """
    from keras_similarity.backend import require_backend

    require_backend()
    for package in ("layers", "losses"):  # a model's classes must be known before it is read
        importlib.import_module(f"keras_similarity.{package}")
    from keras_similarity import models
    from keras_similarity.models.allowed_classes import check_model_file

    check_model_file(path)
    return models.load_model(path, compile=False)


def keras_encoder(model: Any, name: str) -> Encoder:
    """Return a Keras model of one input and one output `(n, d)` as an encoder; 0–255 if it scales them.

    Raises:
        ValueError: another number of inputs or outputs, or an input without a fixed shape.
    """
    from keras_similarity.models.adapters.forward import Forward

    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise ValueError(
            f"an encoder needs one input and one output (n, d): {name} has {len(model.inputs)} and "
            f"{[tuple(output.shape) for output in model.outputs]}.\n  Cut the model after its embedding."
        )
    shape = tuple(model.inputs[0].shape[1:])
    if None in shape:
        raise ValueError(
            f"an encoder needs an input of a fixed shape: {name} takes {shape}.\n  Give its Input numbers."
        )
    text = model.inputs[0].dtype == "string"
    image = len(shape) == 3 and shape[-1] in (1, 3, 4)
    own_scale = any(type(layer).__name__ in SCALING_LAYERS for layer in model._flatten_layers())
    forward = Forward(model)  # from several threads at once: the server goes on while one call hangs
    return Encoder(
        lambda batch: np.asarray(forward(batch), np.float32),
        "text" if text else "image" if image else "vector",
        () if text else shape,
        int(model.outputs[0].shape[1]),
        name,
        1.0 if own_scale or not image else 1 / 255,
    )
