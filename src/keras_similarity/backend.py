"""Choose the framework Keras runs on before Keras is imported, and register our classes once it is.

Keras alone takes TensorFlow unless told otherwise, does not look for what is installed, and on its first import
writes "tensorflow" into its configuration file; so that word in the file is not a user's choice, any other is.

This module refuses to import a framework: it looks, it never loads.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from keras_similarity.errors import MissingBackendError

__all__ = ["choose_backend", "register_when_keras_loads", "require_backend"]

BACKENDS = ("jax", "tensorflow", "torch")
# The modules whose import registers our serializable classes with Keras.
REGISTERING_MODULES = tuple(
    f"keras_similarity.{name}" for name in ("architectures", "augment", "layers", "losses", "metrics", "models")
)
# Those, and what they are made of: half of one must not be loaded when Keras, and with it all of them, comes.
AFTER_KERAS = (*REGISTERING_MODULES, "keras_similarity.ops")


def choose_backend() -> str | None:
    """Name the backend Keras should use, or None when nothing is installed.

    An explicit `KERAS_BACKEND` wins; then Keras's configuration file where it names another backend than
    TensorFlow; then a framework this process has already imported; then what is installed, JAX first.
    """
    explicit = os.environ.get("KERAS_BACKEND")
    if explicit:
        return explicit
    # A process that loaded TensorFlow wants it; JAX may have come along with something else.
    imported = [name for name in ("tensorflow", "jax", "torch") if name in sys.modules]
    wanted = [_configured_backend(), *imported, *BACKENDS]
    return next((name for name in wanted if name and _is_installed(name)), None)


def set_backend() -> None:
    """Write the choice to `KERAS_BACKEND`, unless Keras is already loaded."""
    if "keras" in sys.modules:
        return
    backend = choose_backend()
    if backend is not None:
        os.environ["KERAS_BACKEND"] = backend


def require_backend() -> None:
    """Raise before Keras does, when it has nothing to run on.

    Raises:
        MissingBackendError: no framework is installed, or not the one `KERAS_BACKEND` names.
    """
    if "keras" in sys.modules:
        return
    if not _is_installed("keras"):
        raise MissingBackendError(
            "training and embedding need Keras, and it is not installed.\n"
            "  Install it with a backend: pip install 'keras-similarity[jax]' (or [tensorflow], [torch])."
        )
    backend = choose_backend()
    if backend is None:
        raise MissingBackendError(
            "Keras needs JAX, TensorFlow or PyTorch, and none of them is installed.\n"
            "  Install one: pip install 'keras-similarity[jax]' (or [tensorflow], [torch])."
        )
    if not _is_installed(backend):
        installed = [name for name in BACKENDS if _is_installed(name)]
        raise MissingBackendError(
            f"the environment variable KERAS_BACKEND is {backend!r}, and that package is not installed.\n"
            f"  Install it: pip install 'keras-similarity[{backend}]', or choose another. "
            f"Installed: {', '.join(installed) or 'none'}."
        )


def register_when_keras_loads() -> None:
    """Register our classes with Keras: now if it is loaded, else right after it loads.

    So `import keras_similarity, keras; keras.saving.load_model(path)` finds them, in either order of imports.
    """
    if hasattr(sys.modules.get("keras"), "saving"):
        _register()
    elif not any(isinstance(finder, _AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    for name in REGISTERING_MODULES:
        importlib.import_module(name)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Stands in front of the import system until `keras` is imported, and is taken away then.

    A package of ours that needs Keras waits for it: begun before, it would be half there when Keras wants all of them.
    """

    _looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in AFTER_KERAS:
            importlib.import_module("keras")
            module = sys.modules.get(fullname)
            return None if module is None else importlib.machinery.ModuleSpec(fullname, _Loaded(module))
        if fullname != "keras" or self._looking:
            return None
        self._looking = True  # for what the others find
        try:
            spec = importlib.util.find_spec("keras")
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:  # perhaps somebody only asks whether it is installed
            spec.loader = _RegisteringLoader(spec.loader, self)
        return spec


class _Loaded(importlib.abc.Loader):
    """Hands out a module that came with Keras while it was being looked for."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _RegisteringLoader(importlib.abc.Loader):
    """Keras's own loader, and after it our registration."""

    def __init__(self, loader: importlib.abc.Loader, waiting: _AfterKeras) -> None:
        self._loader = loader
        self._waiting = waiting

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        if self._waiting in sys.meta_path:
            sys.meta_path.remove(self._waiting)
        self._loader.exec_module(module)
        _register()


def _configured_backend() -> str | None:
    home = os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser()
    try:
        backend = json.loads(Path(home, "keras.json").read_text())["backend"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return backend if isinstance(backend, str) and backend != "tensorflow" else None


def _is_installed(name: str) -> bool:
    """Whether `name` can be imported; NumPy always can, and Keras takes it as a backend for inference."""
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
