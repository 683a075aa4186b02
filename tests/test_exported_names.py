"""`__all__` is the public surface: complete, sorted, importable, documented."""

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import keras_similarity as ks

PACKAGES = [
    path.parent.relative_to(Path(ks.__file__).parent.parent).as_posix().replace("/", ".")
    for path in sorted(Path(ks.__file__).parent.rglob("__init__.py"))
]
REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
NEEDS_TENSORFLOW = "TensorFlow is not wherever the examples run"
# Names of the reference without an example, and why. An error needs none.
WITHOUT_EXAMPLE = {
    "EfficientNetSim": "takes half a minute to build; its arguments are those of `ResNet50Sim`",
    "TFDataSampler": NEEDS_TENSORFLOW,
    "TFDatasetMultiShotMemorySampler": NEEDS_TENSORFLOW,
    "TFRecordDatasetSampler": NEEDS_TENSORFLOW,
    "Explorer": "what `create_app` adds to a server; docs/explorer.md starts it",
    "Sampler": "a base class, whose subclasses have each their own",
    "VectorBatch": "a record of arrays, which `embed` writes and `read_shards` reads",
}


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs Keras; runs where it is installed")
def test_all_is_sorted_importable_and_documented(package):
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{package}.{name} has no docstring"


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs Keras; runs where it is installed")
def test_every_name_of_the_reference_has_an_example():
    pages = "".join(page.read_text() for page in REFERENCE.glob("*.md"))
    shown = {name: value for path in re.findall(r"^::: (\S+)$", pages, re.M) for name, value in shown_by(path)}
    assert {name for name, value in shown.items() if lacks_example(value)} == set(WITHOUT_EXAMPLE)


def shown_by(path):
    """What a line of the reference shows: the names of a module, or the one that is named."""
    parent, _, name = path.rpartition(".")
    owner = importlib.import_module(parent)
    if hasattr(owner, "__path__") and importlib.util.find_spec(path) is not None:
        module = importlib.import_module(path)
        return [(public, getattr(module, public)) for public in module.__all__]
    return [(name, getattr(owner, name))]


def lacks_example(value):
    if inspect.isclass(value) and issubclass(value, Exception):
        return False
    return (inspect.isclass(value) or inspect.isfunction(value)) and ">>> " not in (value.__doc__ or "")


@pytest.mark.parametrize("package", PACKAGES[1:])  # the first is the whole, whose names are lazy
def test_every_public_import_of_a_package_is_in_its_all(package):
    path = Path(ks.__file__).parent.parent / package.replace(".", "/") / "__init__.py"
    tree = ast.parse(path.read_text())
    lists = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"]
    exported = set(ast.literal_eval(lists[0])) if lists else set()
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package + ".")
        for alias in node.names
    }
    assert imported - exported <= {"demo"}, "import it for the public, or not at all"


def test_unknown_name__is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        ks.nonsense  # noqa: B018  the access is the test


def test_version_is_the_distributions():
    assert importlib.metadata.version("keras-similarity") == ks.__version__


def test_distribution_ships_both_packages_and_a_command():
    files = [str(file) for file in importlib.metadata.files("keras-similarity")]
    assert any(file.startswith("tensorflow_similarity/") for file in files)
    commands = importlib.metadata.distribution("keras-similarity").entry_points
    assert [command.value for command in commands if command.name == "keras-similarity"] == [
        "keras_similarity.cli:main"
    ]
