"""Trains alone, then with DistributedDataParallel: prints by how much the two differ, as JSON. torchrun starts it."""

import json
import sys

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from distributed_training import LOSSES, ROWS, STEPS, batches, difference, new_model


def train(kind, *, rank=0, world=1):
    model, loss = new_model(kind)
    model.compile(loss=loss)  # gives a memory its queue
    running = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.05, momentum=0.9)
    x, y = batches()
    values, own = [], ROWS // world
    for step in range(STEPS):
        rows = slice(step * ROWS + rank * own, step * ROWS + (rank + 1) * own)
        value = loss(torch.from_numpy(y[rows]), running(torch.from_numpy(x[rows]), training=True))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append({"loss": value.item()})
    return values, [np.array(weight) for weight in model.get_weights()]


alone = {kind: train(kind) for kind in LOSSES}
distributed.init_process_group("gloo")
rank, world = distributed.get_rank(), distributed.get_world_size()

found = {kind: difference(alone[kind], train(kind, rank=rank, world=world)) for kind in LOSSES}
found["world"] = world
model, loss = new_model("multi_similarity")
x, y = batches()
try:
    loss(y[: 4 + rank], model(torch.from_numpy(x[: 4 + rank]), training=True))
except ValueError as error:
    found["uneven"] = str(error)
try:
    loss(list("abab"), model(torch.from_numpy(x[:4]), training=True))
except TypeError as error:
    found["strings"] = str(error)
with torch.no_grad():  # one process alone, which would wait for the other for ever
    if rank == 0:
        value = float(loss(y[:ROWS], model(torch.from_numpy(x[:ROWS]))))
        found["alone"] = abs(value - alone["multi_similarity"][0][0]["loss"])
distributed.barrier()
if rank == 0:
    json.dump(found, sys.stdout)
distributed.destroy_process_group()
