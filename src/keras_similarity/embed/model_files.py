"""What embeds → an `Encoder`: an ONNX or `.keras` file, a Keras model, or an encoder already."""

from collections.abc import Callable, Iterator
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.fingerprint import model_fingerprint
from keras_similarity.errors import ModelFileError

__all__ = ["check_digest", "encoder_fingerprint", "keras_encoder", "open_model"]

PREPROCESSING = "keras_similarity>ImagePreprocessing"  # as Keras registers it: `architectures` is not ours to import
SCALING_LAYERS = ("Rescaling", "Normalization")  # Keras's own do not say what they take: 0–255, as in its examples


def keras_encoder(model: Any, name: str, call: Callable[[Any], NDArray[Any]] | None = None) -> Encoder:
    """Return a Keras model of one input and one output `(n, d)` as an encoder.

    Pixels become what its first layer that scales images takes: the `value_range` of an `ImagePreprocessing`, 0–255
    for Keras's `Rescaling` and `Normalization`, and 0–1 without any. It takes texts if the graph does, or if the model
    makes its input of them, as `TextSim` does.

    Args:
        model: The model.
        name: What to call it.
        call: Its forward pass, batch -> rows, where that is another than `predict_on_batch`.

    Raises:
        ValueError: another number of inputs or outputs, or an input without a fixed shape.
    """
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
    prepares = getattr(model, "takes", None) == "text"
    text = prepares or model.inputs[0].dtype == "string"
    image = len(shape) == 3 and shape[-1] in (1, 3, 4)
    low, high = _value_range(model) if image else (0.0, 255.0)
    forward = model.predict_on_batch if call is None else call
    return Encoder(
        lambda batch: np.asarray(forward(model.prepare(list(batch)) if prepares else batch), np.float32),
        "text" if text else "image" if image else "vector",
        () if text else shape,
        int(model.outputs[0].shape[1]),
        name,
        pixel_scale=(high - low) / 255,
        pixel_offset=low,
    )


def open_model(model: Any) -> Encoder:
    """Return what embeds as an encoder.

    Args:
        model: Path of a `.keras` or `.onnx` file of one's own, a Keras model, an `Encoder`, or a function without
            arguments that returns an `Encoder`.

    Raises:
        FileNotFoundError: no file is there.
        TypeError: something else.
        ValueError: a file of another kind, or a model that is no encoder.
    """
    if isinstance(model, Encoder):
        return model
    if isinstance(model, str | Path):
        return _open_file(Path(model))
    if hasattr(model, "predict_on_batch"):
        return keras_encoder(model, model.name)
    encoder = model() if callable(model) else None
    if not isinstance(encoder, Encoder):
        raise TypeError(
            f"`model` must be a file, a Keras model, an Encoder or a function that returns one: got {model!r:.100}.\n"
            "  Pass the path of a .keras or .onnx file."
        )
    return encoder


def encoder_fingerprint(model: Any, encoder: Encoder) -> str:
    """Return what tells models apart: a file's bytes, a Keras model's settings and weights, an encoder's name.

    `encoder` is what `open_model(model)` returned.
    """
    if isinstance(model, str | Path):
        with Path(model).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    if hasattr(model, "predict_on_batch"):
        return model_fingerprint(model).hex()
    about = f"{encoder.name} {encoder.kind} {encoder.shape} {encoder.dim} {encoder.pixel_scale} {encoder.pixel_offset}"
    return blake2b(about.encode(), digest_size=16).hexdigest()


def check_digest(path: Path, sha256: str) -> None:
    """Raise a ModelFileError for a file that is not the one that is meant."""
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != sha256.strip().lower():
        raise ModelFileError(
            f"{path.name} must have the SHA-256 {sha256!r:.80}: it has {found}.\n"
            "  Somebody changed it, or it is another model."
        )


def _value_range(model: Any) -> tuple[float, float]:
    """Return the least and the greatest value of the pixels that a model takes."""
    import keras

    for layer in _in_order(model):
        if keras.saving.get_registered_name(type(layer)) == PREPROCESSING:
            return layer.value_range
        if type(layer).__name__ in SCALING_LAYERS:
            return 0.0, 255.0
    return 0.0, 1.0


def _in_order(model: Any) -> Iterator[Any]:
    """Return all layers of a model, each before those behind it; `_flatten_layers` turns inner models round."""
    waiting, seen = [model], set()
    while waiting:
        layer = waiting.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer
            waiting += reversed(layer._layers)


def _open_file(path: Path) -> Encoder:
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}.\n  Check the path.")
    if path.suffix == ".onnx":
        from keras_similarity.embed.onnx import open_onnx

        return open_onnx(path)
    if path.suffix != ".keras":
        raise ValueError(f"a model must be a .keras or an .onnx file: got {path.name}.\n  Save or export it so.")
    import keras

    return keras_encoder(keras.saving.load_model(path, compile=False), path.stem)
