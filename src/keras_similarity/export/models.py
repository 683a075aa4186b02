"""An embedding model in the formats of other runtimes, compared with the original before it is handed over."""

import importlib.util
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.extras import import_extra
from keras_similarity.errors import ExportError, MissingExtraError
from keras_similarity.export.onnx_pools import pool_over_images
from keras_similarity.export.runtimes import RUNTIMES

__all__ = ["FORMATS", "ExportError", "export_model"]

# Format -> Keras's name of it, and the backends that can write it.
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "onnx": ("onnx", ("jax", "tensorflow", "torch")),
    "saved_model": ("tf_saved_model", ("jax", "tensorflow")),
    "openvino": ("openvino", ("tensorflow", "torch")),
    "litert": ("litert", ("tensorflow",)),
}
SUFFIXES = {"onnx": ".onnx", "saved_model": "", "openvino": ".xml", "litert": ".tflite"}
PACKAGES = {"onnx": "ONNX", "openvino": "OpenVINO"}  # extras of the same name
TOLERANCE = 1e-4
CHECKED_ROWS = 5
TEXTS = ["a red car", "two cats", "", "red", "Straße nach Köln"]
METADATA = "keras_similarity"


def export_model(
    model: Any,
    path: str | os.PathLike[str],
    format: str,
    *,
    pixel_scale: float = 1.0,
    pixel_offset: float = 0.0,
    tolerance: float = TOLERANCE,
) -> float:
    """Write a model, with its scaling of pixels and its normalisation, and compare the copy's embeddings.

    Args:
        model: A Keras model of one input and one output `(n, d)`. What makes ids of texts is no part of the copy: that
            of a `TextSim` takes what `model.prepare(texts)` gives.
        path: What to write: a file ending in .onnx, .tflite or .xml, or for "saved_model" a folder; a model that is
            there is replaced.
        format: One of `FORMATS`.
        pixel_scale, pixel_offset: What pixels of 0–255 are multiplied by before `model` gets them, and what is then
            added; it becomes part of the copy.
        tolerance: The largest difference of any number of an embedding.

    Returns:
        The largest difference seen; NaN where the runtime that would tell is not installed.

    Raises:
        ValueError: an unknown format, or another ending.
        FileExistsError: `path` is a folder with something else in it.
        ExportError: the backend cannot write this format, the model takes strings, or the copy differs by more. Nothing
            is left behind then.
        MissingExtraError: a package that the format needs is not installed.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> export_model(model, "model.pt", "onnx")
        Traceback (most recent call last):
        ValueError: `path` must end in .onnx for onnx: got model.pt.
          Name it so.
    """
    import keras

    path = Path(path)
    check_choice(format, FORMATS, name="format")
    keras_format, backends = FORMATS[format]
    if keras.backend.backend() not in backends:
        raise ExportError(
            f"Keras on {keras.backend.backend()} cannot write {format}: {', '.join(backends)} can.\n"
            f"  Load the model under another backend: KERAS_BACKEND={backends[0]}"
        )
    if path.suffix != SUFFIXES[format] and SUFFIXES[format]:
        raise ValueError(f"`path` must end in {SUFFIXES[format]} for {format}: got {path.name}.\n  Name it so.")
    _check_replaceable(path)
    rows = _sample(model)
    whole = _with_scaling(model, pixel_scale, pixel_offset)
    expected: Any = keras.ops.convert_to_numpy(whole(rows, training=False))  # JAX exports only what was called once
    folder = path.with_name(f".new-{path.name}")
    fresh = folder / path.name
    try:
        _remove(folder)
        folder.mkdir()
        _write(whole, fresh, keras_format)
        if format == "onnx":
            _finish_onnx(fresh, whole)
        difference = _difference(fresh, format, rows, expected)
        if not difference <= tolerance and _has_runtime(format):
            raise ExportError(
                f"the {format} copy must give the same embeddings to {tolerance:g}: they differ by {difference:.3g}.\n"
                "  Report it, with the model."
            )
        for made in folder.iterdir():  # OpenVINO's weights lie beside its file
            _remove(path.with_name(made.name))
            made.rename(path.with_name(made.name))
    finally:
        _remove(folder)
    return difference


def _with_scaling(model: Any, pixel_scale: float, pixel_offset: float) -> Any:
    """Return the model behind a layer that scales pixels, where it does not scale them itself."""
    import keras

    inputs = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype)
    same = (pixel_scale, pixel_offset) == (1.0, 0.0)
    scaled = inputs if same else keras.layers.Rescaling(pixel_scale, pixel_offset)(inputs)
    return keras.Model(inputs, model(scaled))


def _sample(model: Any) -> NDArray[Any]:
    """Return rows such as the model takes: ids of texts, other whole numbers, pixels, or numbers of 0–1."""
    kind = model.inputs[0].dtype
    if kind == "string":
        raise ExportError(
            "a model that takes strings has no copy: the other runtimes take numbers.\n"
            "  Export the part after its tokenizer."
        )
    if getattr(model, "takes", None) == "text":
        return np.asarray(model.prepare(TEXTS), kind)
    shape = (CHECKED_ROWS, *model.inputs[0].shape[1:])
    rng = np.random.default_rng(0)
    most = 255 if len(shape) == 4 else 1
    if np.issubdtype(np.dtype(kind), np.integer):  # ids: 0 and 1 are in every table
        return rng.integers(0, most, shape, dtype=kind, endpoint=True)
    return rng.uniform(0, most, shape).astype(np.float32)


def _write(model: Any, path: Path, keras_format: str) -> None:
    if keras_format in PACKAGES:
        import_extra(keras_format, extra=keras_format, purpose=f"the {PACKAGES[keras_format]} format")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what converters tell their own authors
            model.export(str(path), format=keras_format, verbose=False)
    except ImportError as error:
        said = " ".join(str(error).split())
        raise MissingExtraError(
            f"this format needs a package that is not there: {said:.300}\n"
            "  Install what it names; for ONNX that is jax2onnx, tf2onnx or onnxscript, as the backend is."
        ) from error
    except Exception as error:  # of whichever converter
        raise ExportError(
            f"the model could not be written: {type(error).__name__}: {error!s:.300}.\n  Try another backend."
        ) from error


def _finish_onnx(path: Path, model: Any) -> None:
    """Let onnxruntime pool, and write down what the server needs to know: that pixels are 0–255."""
    onnx = import_extra("onnx", extra="onnx", purpose="the ONNX format")
    copy = onnx.load(str(path))
    pool_over_images(copy.graph)
    onnx.helper.set_model_props(copy, {METADATA: json.dumps({"pixels": 255, "shape": list(model.inputs[0].shape[1:])})})
    onnx.save(copy, str(path))


def _difference(path: Path, format: str, rows: NDArray[Any], expected: NDArray[np.float32]) -> float:
    if not _has_runtime(format):
        return float("nan")
    run = RUNTIMES[format][1]
    call: Callable[[NDArray[Any]], NDArray[np.float32]] = run(path)
    return float(np.abs(call(rows) - expected).max())


def _has_runtime(format: str) -> bool:
    return importlib.util.find_spec(RUNTIMES[format][0]) is not None


def _check_replaceable(path: Path) -> None:
    """Raise a FileExistsError for a folder that holds something else than a model."""
    if path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
        raise FileExistsError(f"{path} is a folder that holds no model.\n  Choose another path, or empty it.")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
