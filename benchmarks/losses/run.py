"""Losses on three backends beside the bare matrix products and pytorch-metric-learning; one process a measurement.

The products are measured in turns with our side, in the same process: some processes, and some minutes of a machine
that others use too, take half as long again for the same work. Of three processes the middle ratio is reported. The
peer is measured once, in a process of its own.
"""

import sys
from pathlib import Path

from measure import RESULTS, run_child, versions, write

HERE = Path(__file__).parent
BACKENDS = ("jax", "tensorflow", "torch")
ROWS = 4096
MATRIX_MB = ROWS * ROWS * 4 / 2**20
TUPLE_LOSSES = ("multi_similarity", "circle", "pn", "soft_nearest_neighbor", "supcon", "triplet")
SPEED_FLOORS = {"jax": 1.6, "tensorflow": 1.3, "torch": 0.6}
MATRIX_FLOORS = {"jax": 4, "tensorflow": 6, "torch": 6}
MANY = 16_384
CHUNKS = {"jax": 256, "tensorflow": 512, "torch": 128}
TRIPLET_ROWS = 1024
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TF_NUM_INTRAOP_THREADS": "1",
}


def run(script, *arguments, backend="torch", **environment):
    return run_child(sys.executable, HERE / script, *arguments, KERAS_BACKEND=backend, **environment)


def middle_of_three(name, backend, environment):
    """The one of three processes that is in the middle by its time over that of the products."""
    found = [run("ours.py", name, ROWS, backend=backend, **environment) for _ in range(3)]
    return sorted(found, key=lambda one: one["cpu_ms"] / one["products_cpu_ms"])[1]


def tuple_rows(threads, environment):
    """Each loss at 4,096 rows, over what bounds it on that backend."""
    peers = {name: run("peer.py", name, ROWS, **environment) for name in TUPLE_LOSSES}
    for backend in BACKENDS:
        for name in TUPLE_LOSSES:
            ours = middle_of_three(name, backend, environment)
            bound = peers[name]["cpu_ms"] if backend == "torch" else ours["products_cpu_ms"]
            yield {
                "what": f"{name} at {ROWS}, CPU over {'the peer' if backend == 'torch' else 'the three products'}",
                "backend": backend,
                "threads": threads,
                "ours": ours["cpu_ms"] / bound,
                "floor": SPEED_FLOORS[backend],
                "cpu_ms": ours["cpu_ms"],
                "products_cpu_ms": ours["products_cpu_ms"],
                "peer": peers[name],
                # The one loss of the peer that is known to be timed elsewhere; above, its own form of the same loss.
                "over_the_peers_multi_similarity": ours["cpu_ms"] / peers["multi_similarity"]["cpu_ms"],
            }
            if threads == 2:
                yield {
                    "what": f"{name} at {ROWS}, extra peak memory in (b, b) matrices",
                    "backend": backend,
                    "ours": ours["extra_mb"] / MATRIX_MB,
                    "floor": MATRIX_FLOORS[backend],
                    "peer": peers[name]["extra_mb"] / MATRIX_MB,
                }


def all_triplet_rows():
    peer = run("peer.py", "all_triplets", TRIPLET_ROWS)
    for backend in BACKENDS:
        ours = run("ours.py", "all_triplets", TRIPLET_ROWS, backend=backend)
        for what, key in (("CPU", "cpu_ms"), ("extra peak memory", "extra_mb")):
            yield {
                "what": f"all triplets at {TRIPLET_ROWS}, {what} over the peer",
                "backend": backend,
                "ours": ours[key] / peer[key],
                "floor": 0.1,
                key: ours[key],
                "peer": peer[key],
            }


def chunked_rows():
    for backend in BACKENDS:
        whole, parts = (run("ours.py", "info_nce", MANY, size, backend=backend) for size in (MANY, CHUNKS[backend]))
        absolute = backend != "tensorflow"
        yield {
            "what": f"InfoNCE at {MANY} in chunks of {CHUNKS[backend]}, extra peak "
            + ("MB" if absolute else "over one piece"),
            "backend": backend,
            "ours": parts["extra_mb"] if absolute else parts["extra_mb"] / whole["extra_mb"],
            "floor": 256 if absolute else 0.25,
            "whole": whole,
            "chunked": parts,
        }


def main():
    rows = [*all_triplet_rows(), *chunked_rows(), *tuple_rows(2, {}), *tuple_rows(1, ONE_THREAD)]
    RESULTS.mkdir(exist_ok=True)
    settings = {"two threads": {}, "one thread": ONE_THREAD}
    profile = {
        f"{backend}, {threads}": run("stages.py", backend=backend, **environment)
        for backend in ("jax", "tensorflow")
        for threads, environment in settings.items()
    }
    operations = run("operations.py", "soft_nearest_neighbor", ROWS, **ONE_THREAD)
    write(
        "losses",
        rows,
        profile_cpu_ms=profile | {"torch, one thread, soft_nearest_neighbor by operation": operations},
        versions=versions("keras", "jax", "tensorflow-cpu", "torch", "pytorch-metric-learning"),
    )
    for row in rows:
        mark = "ok  " if row["ours"] <= row["floor"] else "MISS"
        print(f"{mark} {row['backend']:11}{row['what']}: {row['ours']:.2f} (floor {row['floor']})")
