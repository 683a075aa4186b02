"""`tensorflow_similarity`: upstream's names, our objects, nothing of its own."""

import ast
import importlib
from pathlib import Path

import pytest

import keras_similarity

FOLDER = Path(keras_similarity.__file__).parent.with_name("tensorflow_similarity")
UPSTREAM_SPELLING = {
    "EvalCallback": "RetrievalEval",
    "avg_neg": "NegativeDistance",
    "avg_pos": "PositiveDistance",
    "dist_gap": "DistanceGap",
    "viz_neigbors_imgs": "viz_neighbors",
}
UPSTREAM_MODULES = {"training_metrics": "metrics"}
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.training
@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_the_object_of_keras_similarity(name):
    theirs = importlib.import_module(f"tensorflow_similarity.{name}")
    ours = importlib.import_module(f"keras_similarity.{UPSTREAM_MODULES.get(name, name)}")
    assert theirs.__all__
    for public in theirs.__all__:
        assert getattr(theirs, public) is getattr(ours, UPSTREAM_SPELLING.get(public, public))


@pytest.mark.parametrize("name", [*MODULES, "__init__"])
def test_it_holds_names_and_no_logic(name):
    body = ast.parse((FOLDER / f"{name}.py").read_text()).body
    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in body)


def test_the_names_the_first_program_imports_are_there():
    assert {"layers", "losses", "models", "samplers", "visualization"} <= set(MODULES)
