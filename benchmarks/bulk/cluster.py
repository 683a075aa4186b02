"""Embed rows on a Ray cluster of two nodes, each a set of processes of its own, and count what is there.

    python benchmarks/bulk/cluster.py OUT --rows 200000 --kill --check

`--kill` ends a node with SIGKILL when a third of the rows are done, and adds another one. `--check` embeds all rows
again in this process, and compares each vector with that of its id.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import ray
from ray.cluster_utils import Cluster

sys.path.insert(0, str(Path(__file__).parent))
from encoder import BATCH_SIZE, SHARD_ROWS, rows_of, slow_encoder

from keras_similarity.embed import embed, read_shards
from keras_similarity.embed.model_files import open_model

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("out", type=Path)
parser.add_argument("--rows", type=int, default=200_000)
parser.add_argument("--shard-rows", type=int, default=SHARD_ROWS)
parser.add_argument("--model", type=Path, help="a .keras file; else a small encoder of NumPy")
parser.add_argument("--kill", action="store_true")
parser.add_argument("--check", action="store_true")
options = parser.parse_args()
paths = [str(Path(__file__).parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
# As the peer's processes, when others want the machine too.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  Ray spells it so
os.environ["PYTHONPATH"] = os.pathsep.join(paths)

# The driver's own node computes nothing, so that every worker is on a node that may die.
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 300_000_000})
nodes = [cluster.add_node(num_cpus=1, object_store_memory=100_000_000) for _ in range(2)]
ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
cluster.wait_for_nodes()
alive = sum(bool(node["Resources"].get("CPU")) for node in ray.nodes() if node["Alive"])

done, killed, times = 0, 0, []


def progress(rows):
    global done, killed
    done += rows
    times.append((time.monotonic(), done))
    if options.kill and not killed and done >= options.rows / 3:
        cluster.remove_node(nodes[0], allow_graceful=False)
        cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
        killed = 1


def wrong_vectors(rows, model):
    """How many vectors are not those of their ids: another row's differ in the first digit."""
    expected = open_model(model)(rows, batch_size=BATCH_SIZE)
    same = [np.isclose(batch.vectors, expected[batch.ids], atol=1e-4).all(axis=1) for batch in read_shards(options.out)]
    return int((~np.concatenate(same)).sum())


rows = rows_of(options.rows)
model = slow_encoder if options.model is None else options.model
result = embed(
    rows,
    model,
    options.out,
    executor="ray",
    workers=2,
    shard_rows=options.shard_rows,
    batch_size=BATCH_SIZE,
    progress=progress,
)
counts = Counter(id for batch in read_shards(options.out) for id in batch.ids)
# From the second shard on: Ray's start, and the model's compilation, are behind both workers, and as they began
# together, they have made one each.
first, last = times[:2][-1], times[-1]
# Before the result, which has to be the last line: Ray tells on stdout of workers it lost, whenever it hears of them.
ray.shutdown()
cluster.shutdown()
print(
    json.dumps(
        {
            "nodes": alive,
            "killed": killed,
            "rows": sum(counts.values()),
            "distinct": len(counts),
            "wrong": wrong_vectors(rows, model) if options.check else None,
            "shards": result.shards,
            "rows_per_second": (last[1] - first[1]) / max(last[0] - first[0], 1e-9),
        }
    )
)
