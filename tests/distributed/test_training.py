"""Training on several devices is training on one: the same losses, metrics, weights and queues, on every backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
TOLERANCE = 1e-5
FOUR_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")

pytestmark = pytest.mark.slow


def run(backend, *command, **environment):
    for package in ("keras", backend):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    settings = os.environ | {
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, env=settings
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_on_jax__four_devices__equals_one():
    found = json.loads(run("jax", HERE / "on_jax.py", **FOUR_DEVICES))
    devices = {found.pop(name) for name in list(found) if name.endswith(" devices")}
    assert devices == {4}
    assert len(found) == 7
    assert max(found.values()) < TOLERANCE, found


def test_on_tensorflow__two_replicas__equal_one():
    found = json.loads(run("tensorflow", HERE / "on_tensorflow.py"))
    # What the other numbers would be if nothing were gathered.
    assert found.pop("of one replica") > 0.01
    assert found.pop("first loss of one replica") > 0.01
    assert len(found) == 6
    assert max(found.values()) < TOLERANCE, found


def test_on_torch__two_processes__equal_one():
    found = json.loads(run("torch", *TORCHRUN, HERE / "on_torch.py"))
    assert found.pop("world") == 2
    assert "[4, 5]" in found.pop("uneven")
    assert "must be numbers: got ['a']" in found.pop("strings")
    assert len(found) == 6
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize(
    ("backend", "command"),
    [
        ("jax", (EXAMPLES / "train_distributed_jax.py", "--tiny", "--cpus", 4)),
        ("tensorflow", (EXAMPLES / "train_distributed_tensorflow.py", "--tiny", "--cpus", 2)),
        ("torch", (*TORCHRUN, EXAMPLES / "train_distributed_torch.py", "--tiny")),
    ],
    ids=["jax", "tensorflow", "torch"],
)
def test_example__tiny__prints_one_line_from_all_devices(backend, command):
    printed = run(backend, *command)
    assert printed.startswith("4 devices" if backend == "jax" else "2 "), printed
    assert printed.count("\n") == 1
    assert float(printed.split("recall@1")[1]) > 0.5
