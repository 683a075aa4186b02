"""The architecture, enforced: who may import whom, and which frameworks where."""

import ast
from pathlib import Path

import pytest

import keras_similarity

ROOT = Path(keras_similarity.__file__).parent
DROP_IN = ROOT.with_name("tensorflow_similarity")

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
    "calibrate": {"core", "errors", "evaluate", "index"},
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
ALLOWED = MAY_IMPORT | {DROP_IN.name: MAY_IMPORT["cli"] - {"export", "serve"}}  # and of the package beside ours
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
    DROP_IN.name: {"keras"},
}
FRAMEWORKS = {"jax", "tensorflow", "torch"}
STANDARD = __import__("sys").stdlib_module_names
FUNCTION_LINES = 40  # of a body; its docstring does not count


def modules():
    """Every file but the first of ours, whose names are lazy, and its package."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "__init__":
            yield path, parts[0]
    for path in sorted(DROP_IN.rglob("*.py")):
        yield path, DROP_IN.name


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


@pytest.mark.parametrize(
    ("path", "package"), list(modules()), ids=lambda value: str(value).removeprefix(f"{ROOT.parent}/")
)
def test_module_imports_only_what_its_level_allows(path, package):
    assert package in ALLOWED, f"{package} needs a line in ALLOWED: its place in the order"
    for name, at_top in imports(path):
        head, _, rest = name.partition(".")
        if head == "keras_similarity":
            other = rest.split(".")[0] or "__init__"
            assert other == package or other in ALLOWED[package], f"{package} may not import {name}"
        elif head == DROP_IN.name:
            assert package == head, f"{package} may not import {name}, which is for old programs"
        elif head in FRAMEWORKS:
            assert "adapters" in path.parts or "workers" in path.parts, f"{name} outside adapters and workers"
        elif at_top and head not in STANDARD:
            assert head in THIRD_PARTY[package], f"{package} imports {name} at the top of {path.name}"


def test_files_and_functions_stay_short():
    for path, _ in modules():
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        assert not long_functions(text), path


def test_long_coroutine__is_found_too():
    lines = "    x = 1\n" * (FUNCTION_LINES + 1)
    assert long_functions(f"async def f():\n    'Doc.'\n{lines}def g():\n    'Doc.'\n    x = 1\n") == ["f: 41 lines"]


def long_functions(text):
    """Functions with a long body, coroutines and methods among them."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            found += [f"{node.name}: {length} lines"] if length > FUNCTION_LINES else []
    return found


def test_no_file_is_named_after_nothing():
    assert not [p for p, _ in modules() if p.stem in {"utils", "util", "common", "helpers", "misc", "base"}]
