"""The program that started this project: unchanged through the drop-in package, and its twin on every backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.training]

ROOT = Path(__file__).parents[2]
# Run as a user would; then 200 queries after the indexed slice.
CHECK = """
import runpy, sys
names = runpy.run_path(sys.argv[1])
x, y = names["sampler"].get_slice(5000, 200)
labels = names["model"].lookup(x, k=5).labels
print("right:", float((labels == y[:, None]).mean()), names["sampler"].num_examples)
"""


def fraction_right(program, catalogue, backend):
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(program)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TFDS_DATA_DIR": str(catalogue), "MPLBACKEND": "agg", "KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    _, fraction, examples = done.stdout.strip().splitlines()[-1].split()
    assert examples == "70000"
    return float(fraction)


def test_seed_program_runs_unchanged(catalogue, seed_program):
    """On TensorFlow, the backend that `from tensorflow.keras import layers` means."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("runs with KERAS_BACKEND=tensorflow, which `make test-all` sets")
    assert fraction_right(seed_program, catalogue, "tensorflow") >= 0.9


def test_its_twin_runs_on_this_backend(catalogue):
    backend = os.environ.get("KERAS_BACKEND", "jax")
    assert fraction_right(ROOT / "examples" / "mnist_from_tfds.py", catalogue, backend) >= 0.9
