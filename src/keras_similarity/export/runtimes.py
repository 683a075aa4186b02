"""Each format's own runtime, to compare a copy with its original."""

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.embed.onnx import open_onnx

__all__ = ["RUNTIMES"]

Rows = NDArray[Any]  # of the kind that the model takes
Call = Callable[[Rows], NDArray[np.float32]]


def _onnx(path: Path) -> Call:
    return open_onnx(path).call


def _saved_model(path: Path) -> Call:
    tensorflow = importlib.import_module("tensorflow")
    loaded = tensorflow.saved_model.load(str(path))  # its variables live as long as this does
    return lambda rows: np.asarray(loaded.serve(rows))


def _openvino(path: Path) -> Call:
    openvino = importlib.import_module("openvino")
    # Exact arithmetic: by default some machines compute in 16 bits.
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda rows: np.asarray(next(iter(compiled(rows).values())))


def _litert(path: Path) -> Call:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that another package has it too
        interpreter = importlib.import_module("tensorflow").lite.Interpreter(str(path))

    def call(rows: Rows) -> Rows:
        given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
        interpreter.resize_tensor_input(given, rows.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given, rows)
        interpreter.invoke()
        return interpreter.get_tensor(made)

    return call


RUNTIMES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "onnx": ("onnxruntime", _onnx),
    "saved_model": ("tensorflow", _saved_model),
    "openvino": ("openvino", _openvino),
    "litert": ("tensorflow", _litert),
}
