"""Trains alone, then with DistributedDataParallel: prints by how much the two differ, as JSON. torchrun starts it."""

import hashlib
import json
import os
import sys

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import keras_similarity as ks
from distributed_training import (
    BIG,
    LOSSES,
    ROWS,
    STEPS,
    VIEWS,
    InOnePass,
    batches,
    difference,
    new_model,
    new_model_of_views,
    others,
)


def slices(kind, rank=0, world=1):
    """The part of each batch that one process of so many trains on: rows and classes, or two views of the rows."""
    rows, steps = BIG.get(kind, (ROWS, STEPS))
    x, y = batches(kind)
    if kind in VIEWS:
        y = x + others(x)
    own = rows // world
    for step in range(steps):
        part = slice(step * rows + rank * own, step * rows + (rank + 1) * own)
        yield x[part], y[part]


def samplers(world):
    """One sampler for each process, of the same rows and seed."""
    x, y = batches()
    return [
        ks.samplers.MultiShotMemorySampler(
            x, y, 4, 2, steps_per_epoch=2 * STEPS, seed=1, num_shards=world, shard_index=rank
        )
        for rank in range(world)
    ]


def together(shards):
    """The batches of all processes, one after the other: what one process has to train on to train the same."""
    for step in range(len(shards[0])):
        parts = [shard[step] for shard in shards]
        yield tuple(map(np.concatenate, zip(*parts, strict=True)))


def train(kind, examples, *, world=1):
    model, loss = (new_model_of_views if kind in VIEWS else new_model)(kind)
    model.compile(loss=loss)  # gives a memory its queue
    running = DistributedDataParallel(model) if world > 1 else model

    def value_of(x, y):
        if kind in VIEWS:
            return model.compute_loss(y_pred=running((torch.from_numpy(x), torch.from_numpy(y)), training=True))
        return loss(torch.from_numpy(y), running(torch.from_numpy(x), training=True))

    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.05, momentum=0.9)
    values = []
    for x, y in examples:
        value = value_of(x, y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append({"loss": value.item()})
    return values, [np.array(weight) for weight in model.get_weights()]


def digest(trained):
    """A word for every bit of the weights, the queues and the statistics of heads."""
    return hashlib.sha256(b"".join(weight.tobytes() for weight in trained[1])).hexdigest()


# The trainings of one process come first: without a group there are no replicas.
world, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
kinds = (*LOSSES, *BIG)
alone = {kind: train(kind, slices(kind)) for kind in kinds}
shards = samplers(world)
alone["sampler"] = train("multi_similarity", together(shards))

distributed.init_process_group("gloo")
trained = {}
for kind in kinds:
    InOnePass.passes = 0
    trained[kind] = train(kind, slices(kind, rank, world), world=world)
passes = InOnePass.passes
own = shards[rank]
trained["sampler"] = train("multi_similarity", (own[step] for step in range(len(own))), world=world)
found = {
    "differences": {kind: difference(alone[kind], trained[kind]) for kind in trained},
    "digests": {kind: digest(trained[kind]) for kind in trained},
    "weights": {kind: len(trained[kind][1]) for kind in trained},
    "passes": passes,
    "first batch": own[0][0].tolist(),
}
model, loss = new_model("multi_similarity")
x, y = batches()
with torch.no_grad():  # one process alone, which would wait for the other for ever
    if rank == 0:
        value = float(loss(y[:ROWS], model(torch.from_numpy(x[:ROWS]))))
        found["alone"] = abs(value - alone["multi_similarity"][0][0]["loss"])
everyone = [None] * world
distributed.all_gather_object(everyone, found)
if rank == 0:
    json.dump(everyone, sys.stdout)
distributed.destroy_process_group()
