"""A `.keras` file of strangers, looked at before Keras opens it: which classes it names, and what its archive holds.

`safe_mode` keeps lambdas out, and was got around in several ways (CVE-2025-1550, CVE-2025-8747, CVE-2025-9906,
CVE-2025-49655, CVE-2026-1462): a configuration can name any importable function. So only classes of Keras and ours are
let through, without those that run or read something else.
"""

import json
import lzma
import os
import types
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from keras_similarity.errors import DamagedModelError, ModelFileError
from keras_similarity.models.weight_files import weight_faults

__all__ = ["check_model_file"]

KERAS = ("layers", "models", "initializers", "optimizers", "losses", "metrics", "regularizers", "constraints")
KERAS += ("dtype_policies", "optimizers.schedules", "quantizers", "random")
MODULES = {"keras", *(f"keras.{part}" for part in KERAS)}
MODULES |= {"keras.src.models.functional", "keras.src.models.sequential", "keras.src.models.model"}
MODULES |= {f"keras.src.ops.{part}" for part in ("image", "linalg", "math", "nn", "numpy")}  # a sum of two outputs, say
# Of the operations that mend shapes and types; the others of this module take functions, which they run.
CORE = {"Cast", "ConvertToTensor", "SaturateCast", "Scatter", "ScatterUpdate", "Slice", "SliceUpdate", "StopGradient"}
CORE |= {"Unstack"}
MODULES |= {"tensorflow_similarity.models"}  # the drop-in's one class
# Ours, and the optimizers that Keras swaps its own for where PyTorch computes.
TRUSTED = ("keras_similarity.", "keras.src.backend.torch.optimizers.")
PACKAGE = "keras_similarity>"  # how Keras writes a class that we registered
BUILTINS = {"slice", "range", "tuple", "list", "dict", "str", "int", "float", "bool", "bytes", "NoneType"}
# What runs code of the file, or reads another file.
DANGEROUS = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__", "function"}
LOOKING_UP = {"get", "serialize", "deserialize"}  # among the activations, and are none
LOOKUPS = {"StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup", "Hashing"}
MOST_CONFIG = 32_000_000  # bytes of config.json
MOST_UNPACKED = 16_000_000_000
MOST_RATIO = 100  # of unpacked to packed, for a member beyond a megabyte; Keras packs nothing
# What Python and h5py raise where an archive or a file in it is not whole, or of a kind that they cannot read.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, KeyError, ValueError, TypeError)
DAMAGE += (RuntimeError, OverflowError, OSError)
WAY_OUT = "Load it with `keras.saving.load_model` only if you trust whoever made it."


def check_model_file(path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None) -> None:
    """Refuse a `.keras` file that names a class which is not allowed, or whose archive is not what Keras writes.

    Args:
        path: The file.
        custom_objects: Classes and functions that are allowed beside those registered with Keras, by name.

    Raises:
        ModelFileError: the message names the class or the member.
    """
    name = Path(path).name
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, name)
            config = json.loads(archive.read("config.json"))
            fault = next(weight_faults(archive), None)
    except DAMAGE as error:
        raise DamagedModelError(f"{name} is no whole .keras file: {error}.\n  Save the model again.") from error
    if fault is not None:
        raise ModelFileError(f"{name}: {fault}.\n  {WAY_OUT}")
    known = {*keras.saving.get_custom_objects(), *(custom_objects or {})}
    for value in _objects(config):
        if not _is_known(value, known):
            _check_class(value, name)


def _check_members(archive: zipfile.ZipFile, name: str) -> None:
    members = archive.infolist()
    if len({member.filename for member in members}) != len(members):
        raise ModelFileError(f"{name} holds a member twice.\n  {WAY_OUT}")
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or member.filename.startswith("/") or (member.external_attr >> 28) == 0xA:
            raise ModelFileError(f"{name} holds {member.filename!r:.80}, which leads out of it.\n  {WAY_OUT}")
        if member.file_size > max(1_000_000, MOST_RATIO * member.compress_size):
            raise ModelFileError(f"{name} holds {member.filename!r:.80}, which unpacks to too much.\n  {WAY_OUT}")
    config = archive.getinfo("config.json")
    if config.file_size > MOST_CONFIG or sum(member.file_size for member in members) > MOST_UNPACKED:
        raise ModelFileError(f"{name} unpacks to more than is read.\n  {WAY_OUT}")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Return every object of a configuration that names a class or a function."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_known(value: dict[str, Any], known: set[str]) -> bool:
    """Return whether Keras takes the object for one that this program gave it, and imports nothing for it."""
    cls = value["class_name"]
    if not isinstance(cls, str) or cls.startswith("__"):  # these Keras makes itself
        return False
    name = value.get("config") if cls == "function" else value.get("registered_name")
    return isinstance(name, str) and name in known


def _check_class(value: dict[str, Any], name: str) -> None:
    cls, module, registered = (value.get(key) for key in ("class_name", "module", "registered_name"))
    of_class = isinstance(cls, str) and (cls[:1].isupper() or cls.startswith("__"))  # a function is never needed
    of_keras = isinstance(module, str) and (module in MODULES or module.startswith(TRUSTED))
    of_ours = module is None and isinstance(registered, str) and registered.startswith(PACKAGE)
    plain = module is None and registered in (None, cls)
    of_keras = of_keras or (module == "keras.src.ops.core" and str(cls) in CORE)
    allowed = str(cls) in BUILTINS if module == "builtins" else of_class and (of_keras or of_ours or plain)
    allowed = allowed and str(cls) not in DANGEROUS
    if not isinstance(cls, str) or not (allowed or _is_activation(value)):
        shown = f"{module}.{cls}" if module else f"{registered or cls}"
        shown += f" {value.get('config')}" if cls == "function" else ""
        raise ModelFileError(f"{name} names {shown!r:.80}, which is not allowed in a model of others.\n  {WAY_OUT}")
    if cls in LOOKUPS:
        for key, held in (value.get("config") or {}).items():
            if key in ("vocabulary", "idf_weights") and isinstance(held, str):
                raise ModelFileError(f"{name} reads the file {held!r:.80} for a layer.\n  {WAY_OUT}")


def _is_activation(value: dict[str, Any]) -> bool:
    """Return whether it is one of Keras's activation functions, by its name alone."""
    about = (value["class_name"], value.get("module"), value.get("registered_name"))
    name = value.get("config")
    if about != ("function", "builtins", "function") or not isinstance(name, str) or name in LOOKING_UP:
        return False
    return isinstance(vars(keras.activations).get(name), types.FunctionType)
