"""The same with pytorch-metric-learning; prints one JSON object.

peer.py multi_similarity|triplet|all_triplets ROWS
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import torch
from losses.memory import extra_mb
from losses.ours import batch, median_ms
from pytorch_metric_learning import distances, losses, miners


def step(name, x, labels):
    cosine = distances.CosineSimilarity()
    miner = None
    if name == "multi_similarity":
        loss, miner = losses.MultiSimilarityLoss(2, 40, 0.5), miners.MultiSimilarityMiner(0.1)
    elif name == "circle":
        loss = losses.CircleLoss()
    elif name == "supcon":
        loss = losses.SupConLoss()
    elif name == "soft_nearest_neighbor":
        loss = losses.NCALoss(distance=distances.LpDistance(normalize_embeddings=False, power=2))
    elif name in ("triplet", "pn"):
        loss = losses.TripletMarginLoss(0.1, swap=name == "pn", distance=cosine)
        miner = miners.BatchEasyHardMiner("hard", "semihard", distance=cosine)
    else:
        loss, miner = (
            losses.TripletMarginLoss(0.1, distance=cosine),
            miners.TripletMarginMiner(0.1, "semihard", distance=cosine),
        )

    def run():
        x.grad = None
        value = loss(x, labels, miner(x, labels) if miner else None)
        value.backward()
        return value.detach()

    return run


def main(name, rows):
    x, labels = (torch.tensor(part) for part in batch(rows))
    x.requires_grad_()
    call = step(name, x, labels)
    memory, value = extra_mb(call)
    print(json.dumps({"cpu_ms": median_ms(call, 5), "extra_mb": memory, "value": float(value)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
