"""Gathers by hand in two processes: what each got, gradients, and what each says where they differ, as JSON."""

import json
import sys
from datetime import timedelta

import torch
from torch import distributed

from distributed_training import (
    batches,
    codes_of_replicas,
    factors_of_replicas,
    new_model,
    rows_of_replicas,
)
from keras_similarity.ops import gather

# What hangs is an error after so long.
distributed.init_process_group("gloo", timeout=timedelta(seconds=20))
rank, world = distributed.get_rank(), distributed.get_world_size()
x = torch.tensor(rows_of_replicas()[rank], requires_grad=True)
codes, factors = torch.from_numpy(codes_of_replicas()[rank]), torch.from_numpy(factors_of_replicas()[rank])
rows, all_codes = gather(x, codes)
(rows * factors).sum().backward()
found = {
    "gathered": [rows.tolist(), all_codes.tolist(), x.grad.tolist()],
    "types": [str(value.dtype) for value in (rows, all_codes)],
}

# A gradient that is not the gathering's alone: it is what the caller passed in.
incoming = factors.clone()
gather(x)[0].backward(incoming)
found["incoming"] = float((incoming - factors).abs().max())

model, loss = new_model("multi_similarity")
head_model, head_loss = new_model("arcface")
data, labels = batches()
data, labels = torch.from_numpy(data), torch.from_numpy(labels)
first = rank == 0


def called(rows=4, codes=None, weights=None, by=(model, loss)):
    """Call a loss; return what this process says."""
    made, called = by
    embeddings = made(data[:rows], training=True)
    try:
        called(labels[:rows] if codes is None else codes, embeddings, weights)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def gathered(*tensors):
    try:
        gather(*tensors)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


found["mismatches"] = {
    "rows": called(4 + rank),
    "words": called(codes=list("abab")),
    "words of one": called(codes=list("abab") if first else None),
    "label types": called(codes=labels[:4].long() if first else None),
    "weights of one": called(weights=torch.ones(4) if first else None),
    "weight shapes": called(weights=torch.ones(4, 1) if first else torch.ones(4)),
    "class of one": called(codes=[0, 1, 2, 77] if first else None, by=(head_model, head_loss)),
    "widths": gathered(torch.ones(3, 2 + rank)),
    "number": gathered(*[torch.ones(3, 2)] * (1 + rank)),
    "gradient of one": gathered(torch.ones(3, 2, requires_grad=first)),
    "long": gathered(*[torch.ones(3, 2)] * 40, torch.ones(3, 2 + rank)),
    "none": gathered(),
    "none of them": called(),
}
everyone = [None] * world
distributed.all_gather_object(everyone, found)
if first:
    json.dump(everyone, sys.stdout)
distributed.destroy_process_group()
