"""Every example runs from top to bottom, with `--tiny`, and prints what it found: on the default backend."""

import runpy
import sys
from pathlib import Path

import pytest

from conftest import DATA, NO_DATA

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
# What the last lines say; the data that an example needs.
EXPECTED = {
    "duplicate_photos": ("6 groups of near-copies", None),
    "fine_tune_backbone": ("all of it      recall@1", None),
    "mnist_from_tfds": ("the nearest are [", "mnist"),
    "omniglot_few_shot": ("20-way 1-shot:", "omniglot_28.npz"),
    "open_set": ("strangers that were told apart", None),
    "semantic_search": ("rank correlation with people", "stsb_ccbysa.tsv.gz"),
    "sensors": ("jump, from two windows", None),
    "serve_and_query": ("{'even': False} [(", None),
    "vehicles": ("motorcycle, never trained on: recall@1", "vehicles32.npz"),
}


def test_every_example_is_here():
    scripts = {path.stem for path in EXAMPLES.glob("*.py")}
    assert {name for name in scripts if not name.startswith("train_distributed")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_example__runs_and_says_what_it_found(name, request, monkeypatch, capsys):
    expected, needs = EXPECTED[name]
    if needs is not None and not (DATA / needs).exists():
        pytest.skip(NO_DATA)
    if name == "mnist_from_tfds":  # it asks the catalogue, not a folder
        monkeypatch.setenv("TFDS_DATA_DIR", str(request.getfixturevalue("catalogue")))
        needs = None
    monkeypatch.setattr(sys, "argv", [name, "--tiny", *([] if needs is None else ["--data", str(DATA)])])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert expected in capsys.readouterr().out
