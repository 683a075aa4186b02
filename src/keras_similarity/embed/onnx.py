"""An ONNX file as an encoder, on onnxruntime: no Keras, no framework."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.embed.encoder import Encoder
from keras_similarity.errors import DamagedModelError, ModelFileError

__all__ = ["open_onnx"]

METADATA = "keras_similarity"  # what our export writes down
TAKEN: dict[str, Any] = {  # what a model may take
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(string)": object,
}


def open_onnx(path: str | os.PathLike[str], *, threads: int = 0) -> Encoder:
    """Open a model of one input and one output `(n, d)`.

    Pixels are given as 0–255 to a model that was exported here, since it scales them itself, and to one of whole
    numbers; as 0–1 to others. A model of a fixed number of rows is called several times, and filled up.

    Args:
        path: The `.onnx` file.
        threads: For one call; 0 for as many as there are cores.

    Raises:
        FileNotFoundError: no file is there.
        ModelFileError: damaged, or with another number of inputs or outputs, or axes of unknown length. The encoder's
            calls raise it where the model fails on its rows.
        MissingExtraError: onnxruntime is not installed.

    Example:
        >>> open_onnx("nowhere.onnx")
        Traceback (most recent call last):
        FileNotFoundError: no model at nowhere.onnx.
          Check the path.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}.\n  Check the path.")
    session = _session(path, threads)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    _check(path.name, inputs, outputs)
    (rows, *shape), width = inputs[0].shape, outputs[0].shape[-1]
    kind = TAKEN[inputs[0].type]
    image = len(shape) == 3 and shape[-1] in (1, 3, 4)
    whole = kind is not object and np.issubdtype(kind, np.integer)
    own_scale = whole or _note(session, path.name).get("pixels") == 255

    def call(batch: Any) -> NDArray[Any]:
        taken = np.asarray(batch, kind).reshape(len(batch), *shape)
        try:
            made = [session.run(None, {inputs[0].name: part})[0] for part in _parts(taken, rows)]
        except Exception as error:  # as above: no parent of its own
            raise ModelFileError(
                f"{path.name} failed on {len(taken)} rows: {error!s:.200}.\n  Export it for any number of rows."
            ) from error
        return np.concatenate(made)[: len(taken)]

    return Encoder(
        call,
        "text" if kind is object else "image" if image else "vector",
        () if kind is object else tuple(shape),
        int(width),
        path.stem,
        1 / 255 if image and not own_scale else 1.0,
    )


def _session(path: Path, threads: int) -> Any:
    runtime = import_extra("onnxruntime", extra="onnx", purpose="ONNX models")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each kind of failure, and no parent of its own
        raise DamagedModelError(f"{path.name} is no whole ONNX model: {error!s:.200}.\n  Export it again.") from error


def _check(name: str, inputs: list[Any], outputs: list[Any]) -> None:
    shapes = [[one.shape for one in part] for part in (inputs, outputs)]
    one_each = [len(part) for part in shapes] == [1, 1]
    usable = one_each and inputs[0].type in TAKEN and inputs[0].shape and len(outputs[0].shape or ()) == 2
    if not usable or not all(isinstance(size, int) for size in (*inputs[0].shape[1:], outputs[0].shape[1])):
        raise ModelFileError(
            f"an encoder needs one input of a fixed shape and one output (n, d): {name} has inputs {shapes[0]} of "
            f"{[one.type for one in inputs]} and outputs {shapes[1]}.\n  Export its embedding."
        )


def _note(session: Any, name: str) -> dict[str, Any]:
    """Return what our export wrote into the file; nothing into those of others."""
    written = session.get_modelmeta().custom_metadata_map.get(METADATA, "{}")
    try:
        note = json.loads(written)
    except ValueError:
        note = None
    if not isinstance(note, dict):
        raise DamagedModelError(f"{name} has a damaged note {METADATA!r}: {written!r:.60}.\n  Export it again.")
    return note


def _parts(rows: NDArray[Any], size: Any) -> Iterator[NDArray[Any]]:
    """Return all rows at once, or in parts of the one size that a model takes, the last filled up."""
    if not isinstance(size, int):
        yield rows
        return
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        yield np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
