"""The architecture, enforced: who may import whom, and which frameworks where."""

import ast
from pathlib import Path

import pytest

import keras_similarity

ROOT = Path(keras_similarity.__file__).parent

# A package -> what of ours it may import. Leaves (visualization, cli, …) are imported by nobody but cli.
MAY_IMPORT = {
    "errors": set(),
    "backend": {"errors"},
    "core": {"errors"},
    "samplers": {"core", "errors"},
    "ops": {"core", "errors"},
    "layers": {"core", "errors", "ops"},
    "augment": {"core", "errors"},
    "losses": {"core", "errors", "ops"},
    "embed": {"core", "errors", "samplers"},
    "index": {"core", "errors"},
    "evaluate": {"core", "errors"},
    "calibrate": {"core", "errors", "evaluate"},
    "models": {"calibrate", "core", "embed", "errors", "evaluate", "index", "layers", "losses", "ops", "samplers"},
    "architectures": {"core", "errors", "layers", "models"},
    "inspection": {"core", "errors", "evaluate", "index"},
    "callbacks": {"core", "errors", "evaluate", "index"},
    "metrics": {"core", "errors", "ops"},
    "visualization": {"calibrate", "core", "errors", "evaluate", "index", "inspection"},
    "serve": {"calibrate", "core", "embed", "errors", "evaluate", "index", "inspection"},
    "export": {"calibrate", "core", "embed", "errors", "evaluate", "index", "inspection"},
}
MAY_IMPORT["cli"] = {*MAY_IMPORT, "__init__"}
THIRD_PARTY = {
    "errors": set(),
    "backend": set(),
    "core": {"numpy"},
    "samplers": {"numpy", "keras"},
    "ops": {"keras"},
    "layers": {"keras"},
    "augment": {"numpy", "keras"},
    "losses": {"keras"},
    "embed": {"numpy"},
    "index": {"numpy"},
    "evaluate": {"numpy"},
    "calibrate": {"numpy"},
    "inspection": {"numpy"},
    "models": {"numpy", "keras", "h5py"},
    "architectures": {"numpy", "keras"},
    "callbacks": {"numpy", "keras"},
    "metrics": {"keras"},
    "visualization": {"numpy"},
    "serve": {"numpy", "litestar", "msgspec", "uvicorn"},
    "export": {"numpy"},
    "cli": {"numpy", "keras", "typer", "rich"},
}
FRAMEWORKS = {"jax", "tensorflow", "torch"}
STANDARD = __import__("sys").stdlib_module_names


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "__init__":
            yield path, parts[0]


def imports(path):
    """Names of imported modules, and whether each import stands at the top of the file."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
        for name in names:
            yield name, node in tree.body


@pytest.mark.parametrize(("path", "package"), list(modules()), ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_module_imports_only_what_its_level_allows(path, package):
    assert package in MAY_IMPORT, f"{package} needs a line in MAY_IMPORT: its place in the order"
    for name, at_top in imports(path):
        head, _, rest = name.partition(".")
        if head == "keras_similarity":
            other = rest.split(".")[0] or "__init__"
            assert other == package or other in MAY_IMPORT[package], f"{package} may not import {name}"
        elif head in FRAMEWORKS:
            assert "adapters" in path.parts or "workers" in path.parts, f"{name} outside adapters and workers"
        elif at_top and head not in STANDARD:
            assert head in THIRD_PARTY[package], f"{package} imports {name} at the top of {path.name}"


def test_files_and_functions_stay_short():
    for path, _ in modules():
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert length <= 40, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_no_file_is_named_after_nothing():
    assert not [p for p, _ in modules() if p.stem in {"utils", "util", "common", "helpers", "misc", "base"}]
