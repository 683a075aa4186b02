"""What the documentation shows is what happens: the README's program, and every example in a docstring."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_similarity

ROOT = Path(__file__).parents[2]
NEEDS_KERAS = importlib.util.find_spec("keras") is None
MODULES = [module.name for module in pkgutil.walk_packages(keras_similarity.__path__, "keras_similarity.")]
COMPILES_FOR_SECONDS = tuple(
    f"keras_similarity.{part}" for part in ("architectures", "layers", "losses", "metrics", "models", "ops")
)


@pytest.mark.training
def test_readme_program_prints_what_the_readme_says(tmp_path):
    """Each python block that is followed by a text block is run as a program."""
    readme = (ROOT / "README.md").read_text()
    pairs = re.findall(r"```python\n(.*?)```\s*```text\n(.*?)```", readme, re.DOTALL)
    assert pairs
    for program, output in pairs:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == output


@pytest.mark.training
@pytest.mark.skipif(NEEDS_KERAS, reason="docstrings of the training side need Keras")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name.startswith(COMPILES_FOR_SECONDS) else []) for name in MODULES],
)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    names = {"np": np, **vars(keras_similarity.core), **vars(module)}
    failed, _ = doctest.testmod(module, extraglobs=names, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_public_functions_and_classes_with_examples_are_many():
    """The collector above must find examples: an empty run would pass."""
    texts = [path.read_text() for path in Path(keras_similarity.__file__).parent.rglob("*.py")]
    assert sum(text.count(">>> ") for text in texts) > 20
