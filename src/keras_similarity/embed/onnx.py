"""An ONNX file as an encoder, on onnxruntime: no Keras, no framework."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_similarity.core.extras import import_extra
from keras_similarity.embed.encoder import Encoder
from keras_similarity.errors import ModelFileError

__all__ = ["open_onnx"]

METADATA = "keras_similarity"  # what our export writes down


def open_onnx(path: Path, *, threads: int = 0) -> Encoder:
    """Open a model of one input and one output `(n, d)`.

    Pixels are given as 0–255 to a model that was exported here, since it scales them itself, and as 0–1 to others.

    Args:
        path: The `.onnx` file.
        threads: For one call; 0 for as many as there are cores.

    Raises:
        ModelFileError: damaged, or with another number of inputs or outputs, or axes of unknown length.
        MissingExtraError: onnxruntime is not installed.
    """
    runtime = import_extra("onnxruntime", extra="onnx", purpose="ONNX models")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each kind of failure, and no parent of its own
        raise ModelFileError(f"{path.name} is no whole ONNX model: {error!s:.200}.\n  Export it again.") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = tuple(inputs[0].shape[1:])
    width = outputs[0].shape[-1]
    known = all(isinstance(size, int) for size in (*shape, width))
    if len(inputs) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 2 or not known:
        raise ModelFileError(
            f"an encoder needs one input of a fixed shape and one output (n, d): {path.name} has inputs "
            f"{[one.shape for one in inputs]} and outputs {[one.shape for one in outputs]}.\n  Export its embedding."
        )
    text = inputs[0].type == "tensor(string)"
    image = len(shape) == 3 and shape[-1] in (1, 3, 4)
    about = json.loads(session.get_modelmeta().custom_metadata_map.get(METADATA, "{}"))
    name, made = inputs[0].name, [outputs[0].name]

    def call(batch: Any) -> Any:
        rows = np.asarray(batch, object if text else np.float32)
        return session.run(made, {name: rows})[0]

    return Encoder(
        call,
        "text" if text else "image" if image else "vector",
        () if text else shape,
        int(width),
        path.stem,
        1 / 255 if image and about.get("pixels") != 255 else 1.0,
    )
