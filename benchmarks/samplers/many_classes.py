"""Omniglot, 32 classes × 4: our sampler beside PML's MPerClassSampler with torch's DataLoader. Prints JSON."""

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from pytorch_metric_learning.samplers import MPerClassSampler

from keras_similarity.samplers import MultiShotMemorySampler

SECONDS = 3.0


def rate(batches):
    """Batches per CPU second."""
    started, count = time.process_time(), 0
    while (spent := time.process_time() - started) < SECONDS:
        for _ in batches():
            count += 1
    return count / spent


def main():
    data = np.load(Path(os.environ["KERAS_SIMILARITY_DATA"], "omniglot_28.npz"))
    x, y = data["x"], data["y"].astype(np.int64)
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    loader = torch.utils.data.DataLoader(dataset, 128, sampler=MPerClassSampler(y, 4, 128, len(y)))
    sampler = MultiShotMemorySampler(x, y, 32, 4, seed=0)

    def epoch():
        yield from sampler
        sampler.on_epoch_end()

    print(json.dumps({"ours": rate(epoch), "peer": rate(lambda: loader)}))


if __name__ == "__main__":
    main()
