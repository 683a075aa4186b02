"""Training on several devices is training on one: the same losses, metrics, weights and queues, on every backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
TOLERANCE = 1e-5
VIEWS = {"simclr", "simsiam", "barlow", "vicreg"}
LOSSES = {"multi_similarity", "memory", "sum", "arcface", "adaface", "curricularface", "big", *VIEWS}
BIG_STEPS = 3
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


@pytest.fixture(scope="module")
def on_jax():
    return json.loads(run("jax", HERE / "on_jax.py", **FOUR_DEVICES))


@pytest.fixture(scope="module")
def on_tensorflow():
    return json.loads(run("tensorflow", HERE / "on_tensorflow.py"))


def test_on_jax__four_devices__equal_one(on_jax):
    assert set(on_jax) == {"DataParallel", "ModelParallel"}
    for plan in on_jax.values():
        assert set(plan["differences"]) == {*LOSSES, "normalized"}
        assert max(plan["differences"].values()) < TOLERANCE, plan["differences"]
        assert plan["passes"] > 0  # of the loss of a big batch


def test_on_jax__model_parallel__splits_the_weights_that_its_layout_names(on_jax):
    # What one device holds, the whole, and on how many devices: of the two dense layers, and of the head's classes.
    dense = [[8, 16], [8, 16], 4], [[16, 8], [16, 8], 4]
    halves = [[8, 8], [8, 16], 4], [[16, 4], [16, 8], 4]
    for loss in LOSSES - VIEWS:
        head = loss.endswith("face")
        whole = sorted([*dense, *[[[6, 8], [6, 8], 4]] * head])
        assert sorted(on_jax["DataParallel"]["splits"][loss].values()) == whole
        assert sorted(on_jax["ModelParallel"]["splits"][loss].values()) == sorted(
            [*halves, *[[[3, 8], [6, 8], 4]] * head]
        )


def test_on_tensorflow__two_replicas__equal_one(on_tensorflow):
    found = {name: value for name, value in on_tensorflow.items() if name not in ("gathered", "types")}
    # What the other numbers would be if nothing were gathered.
    assert found.pop("of one replica") > 0.01
    assert found.pop("first loss of one replica") > 0.01
    assert found.pop("passes") > 0
    assert set(found) == {*LOSSES, "normalized", "uneven"}
    assert max(found.values()) < TOLERANCE, found


def test_on_torch__two_processes__equal_one_and_each_other():
    ranks = json.loads(run("torch", *TORCHRUN, HERE / "on_torch.py"))
    assert len(ranks) == 2
    for found in ranks:
        assert set(found["differences"]) == {*LOSSES, "sampler"}
        assert max(found["differences"].values()) < TOLERANCE, found["differences"]
        assert found["passes"] == BIG_STEPS  # once a step
    # Every bit of every weight, queue and statistic.
    assert ranks[0]["digests"] == ranks[1]["digests"]
    assert ranks[0]["weights"]["memory"] == ranks[0]["weights"]["multi_similarity"] + 4
    assert ranks[0]["weights"]["curricularface"] == ranks[0]["weights"]["arcface"] + 1
    assert ranks[0]["alone"] < TOLERANCE
    first, second = (set(map(tuple, found["first batch"])) for found in ranks)
    assert not first & second  # the sampler's shards


def check_gathered(replicas):
    """Each replica got all rows and codes; its gradients are the sum of what both multiplied its rows by."""
    rows = np.random.default_rng(5).normal(size=(2, 3, 4)).astype("float32")
    factors = np.random.default_rng(6).normal(size=(2, 6, 4)).astype("float32")
    for replica, (got, codes, gradient) in enumerate(replicas):
        np.testing.assert_array_equal(np.float32(got), rows.reshape(6, 4))
        assert codes == [2**24 + row for row in range(6)]  # float32 takes two of them for one
        own = slice(3 * replica, 3 * replica + 3)
        np.testing.assert_allclose(gradient, factors[0, own] + factors[1, own], rtol=1e-6)


def test_gather_on_tensorflow__all_rows_in_order__gradients_are_summed(on_tensorflow):
    assert len(on_tensorflow["gathered"]) == 2
    check_gathered(on_tensorflow["gathered"])
    assert on_tensorflow["types"] == ["float32", "int32"]


@pytest.fixture(scope="module")
def on_torch_by_hand():
    return json.loads(run("torch", *TORCHRUN, HERE / "gather_on_torch.py"))


def test_gather_on_torch__all_rows_in_order__gradients_are_summed(on_torch_by_hand):
    assert len(on_torch_by_hand) == 2
    check_gathered([found["gathered"] for found in on_torch_by_hand])
    assert on_torch_by_hand[0]["types"] == ["torch.float32", "torch.int32"]


def test_gather_on_torch__leaves_the_gradient_it_is_given_as_it_is(on_torch_by_hand):
    assert [found["incoming"] for found in on_torch_by_hand] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("rows", ("rank 0: float32 (4, 8) with gradient, int32 (4,)", "rank 1: float32 (5, 8) with gradient")),
        ("words of one", ("rank 0: TypeError: labels of a training", "got ['a']")),
        ("label types", ("rank 0: float32 (4, 8) with gradient, int64", "rank 1: float32 (4, 8) with gradient, int32")),
        ("weights of one", ("int32 (4,), float32 (4,)\n", "int32 (4,)\n")),
        ("weight shapes", ("int32 (4,), float32 (4, 1)\n", "int32 (4,), float32 (4,)\n")),
        ("class of one", ("rank 0: ValueError: ", "77", "rank 1: float32 (4, 8) with gradient, int32 (4,)")),
        ("widths", ("rank 0: float32 (3, 2)\n", "rank 1: float32 (3, 3)\n")),
        ("number", ("rank 0: float32 (3, 2)\n", "rank 1: float32 (3, 2), float32 (3, 2)\n")),
        ("gradient of one", ("rank 0: float32 (3, 2) with gradient\n", "rank 1: float32 (3, 2)\n")),
        ("long", ("every process needs a batch of the same types and shapes",)),
    ],
)
def test_gather_on_torch__processes_that_differ__each_raises_an_error_that_says_how(case, said, on_torch_by_hand):
    first, second = (found["mismatches"][case] for found in on_torch_by_hand)
    assert second.startswith("ValueError: every process needs")
    for words in said:
        assert words in second
    if case in ("words of one", "class of one"):  # its own error, of which the other says the beginning
        assert first[:100] in second
    else:
        assert first == second


def test_gather_on_torch__after_all_those_errors__the_processes_go_on(on_torch_by_hand):
    for found in on_torch_by_hand:
        assert found["mismatches"]["words"].startswith("TypeError: labels of a training")
        assert found["mismatches"]["none"] == found["mismatches"]["none of them"] == "no error"


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
