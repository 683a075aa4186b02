"""`import keras_similarity` loads no framework, chooses Keras's backend, and registers our classes when Keras comes."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ["keras", "jax", "tensorflow", "torch", "faiss", "matplotlib", "sklearn", "scipy", "pandas", "numpy"]
MORE = ("layers", "models", "ops")  # packages, each in a process of its own that takes seconds


def run(code, *, blocked=(), **environment):
    """Run code in a fresh interpreter in which the blocked packages seem not to be installed."""
    hide = (
        "import sys, importlib.abc\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.split('.')[0] in {list(blocked)!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    inherited = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", hide + code],
        capture_output=True,
        text=True,
        check=False,
        env=inherited | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_import_loads_no_framework_and_no_array_library():
    code = f"import json, keras_similarity; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    assert json.loads(run(code)) == []


@pytest.mark.parametrize("module", ["core", "index", "evaluate", "embed", "visualization"])
def test_search_side_needs_no_keras(module):
    frameworks = ["keras", "jax", "tensorflow", "torch"]
    code = (
        f"import keras_similarity as ks, numpy as np; ks.{module}; index = ks.Index(2)\n"
        "index.add(np.eye(2), ['a', 'b'])\n"
        "print(index.search(np.eye(2), k=1).labels.tolist())"
    )
    assert run(code, blocked=frameworks) == "[['a'], ['b']]"


@pytest.mark.parametrize(
    ("before", "blocked", "environment", "expected"),
    [
        ("", [], {}, "jax"),
        ("", ["jax"], {}, "tensorflow"),
        ("", ["jax", "tensorflow"], {}, "torch"),
        ("", ["jax", "tensorflow", "torch"], {}, "None"),
        ("sys.modules['torch'] = sys\n", [], {}, "torch"),
        ("sys.modules['tensorflow'] = sys\n", [], {}, "tensorflow"),
        ("sys.modules['torch'] = sys\n", [], {"KERAS_BACKEND": "jax"}, "jax"),
    ],
)
def test_backend_is_chosen(before, blocked, environment, expected, monkeypatch, tmp_path):
    """An explicit choice wins, then what is imported, then what is installed, JAX first."""
    find = (
        "import importlib.util as u, importlib.machinery as m; real = u.find_spec\n"
        f"u.find_spec = lambda n, *a: None if n in {blocked!r} else m.ModuleSpec(n, None)\n"
    )
    code = f"{before}{find}import keras_similarity, os; print(os.environ.get('KERAS_BACKEND'))"
    assert run(code, KERAS_HOME=str(tmp_path), **environment) == expected


@pytest.mark.parametrize(("saved", "expected"), [("torch", "torch"), ("tensorflow", "jax")])
def test_kerass_own_configuration_counts_unless_it_says_tensorflow(saved, expected, tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": saved}))
    find = "import importlib.util as u, importlib.machinery as m; u.find_spec = lambda n, *a: m.ModuleSpec(n, None)\n"
    code = f"{find}import keras_similarity, os; print(os.environ.get('KERAS_BACKEND'))"
    assert run(code, KERAS_HOME=str(tmp_path)) == expected


def test_no_backend_installed__names_the_pip_line():
    code = (
        "import importlib.util as u, importlib.machinery as m\n"
        "u.find_spec = lambda n, *a: m.ModuleSpec(n, None) if n == 'keras' else None\n"
        "import keras_similarity as ks\n"
        "try:\n    ks.models\nexcept ks.errors.MissingBackendError as e:\n    print(str(e).replace(chr(10), ' '))"
    )
    message = run(code)
    assert "none of them is installed" in message
    assert "pip install 'keras-similarity[jax]'" in message


@pytest.mark.training
def test_backend_named_but_not_installed__names_both():
    code = (
        "import keras_similarity as ks\n"
        "try:\n    ks.losses\nexcept ks.errors.MissingBackendError as e:\n    print(str(e).replace(chr(10), ' '))"
    )
    message = run(code, blocked=["mxnet"], KERAS_BACKEND="mxnet")
    assert "KERAS_BACKEND is 'mxnet', and that package is not installed" in message


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("import keras_similarity, keras", marks=pytest.mark.training),
        pytest.param("import keras, keras_similarity", marks=pytest.mark.slow),
        pytest.param(
            "import keras_similarity, importlib.util; importlib.util.find_spec('keras'); import keras",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "import keras_similarity as ks; ks.backend.require_backend(); import keras_similarity.layers, keras",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_our_classes_are_registered_in_either_order_of_imports(first):
    backend = os.environ.get("KERAS_BACKEND", "jax")
    code = (
        f"{first}\nprint(keras.saving.get_registered_object('keras_similarity>SimilarityModel') is not None, "
        "[f for f in sys.meta_path if 'AfterKeras' in repr(f)])"
    )
    assert run(code, KERAS_BACKEND=backend) == "True []"


@pytest.mark.parametrize(
    "package",
    [
        pytest.param("losses", marks=pytest.mark.training),
        *(pytest.param(name, marks=pytest.mark.slow) for name in MORE),
    ],
)
def test_a_package_of_ours_may_be_imported_before_anything_else(package):
    code = (
        f"import keras_similarity.{package} as first, keras, keras_similarity as ks\n"
        f"registered = keras.saving.get_registered_object('keras_similarity>CircleLoss')\n"
        f"print(first is sys.modules['keras_similarity.{package}'], registered is ks.losses.CircleLoss)"
    )
    assert run(code, KERAS_BACKEND=os.environ.get("KERAS_BACKEND", "jax")) == "True True"
