"""Train in several processes, on PyTorch: DistributedDataParallel, and a loss that gathers the rows of every process.

    torchrun --standalone --nproc-per-node 2 examples/train_distributed_torch.py
    torchrun --standalone --nproc-per-node 2 examples/train_distributed_torch.py --tiny

It needs scikit-learn for its images: pip install 'keras-similarity[torch,data]'
"""

import argparse
import os

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
options = parser.parse_args()
os.environ["KERAS_BACKEND"] = "torch"

# ruff: noqa: E402  the backend is chosen before Keras is imported
import keras
import torch
from sklearn.datasets import load_digits
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import keras_similarity as ks

distributed.init_process_group("gloo")  # "nccl" with a GPU for each process
rank, world = distributed.get_rank(), distributed.get_world_size()

digits = load_digits()
x, y = digits.images[..., None].astype("float32") / 16, digits.target
# One seed and a shard for each process: batches of the same epoch, and none of them twice.
sampler = ks.samplers.MultiShotMemorySampler(
    x[:1000], y[:1000], 8, 4, steps_per_epoch=10 if options.tiny else 100, seed=1, num_shards=world, shard_index=rank
)

inputs = keras.Input((8, 8, 1))
hidden = keras.layers.Conv2D(32, 3, activation="relu")(inputs)
outputs = ks.layers.MetricEmbedding(32)(keras.layers.Flatten()(hidden))
model = ks.SimilarityModel(inputs, outputs)
loss = ks.losses.MultiSimilarityLoss()
model.compile(loss=loss)  # for the index, and for losses that remember

replica = DistributedDataParallel(model)  # begins with the weights of process 0 everywhere
optimizer = torch.optim.Adam(replica.parameters(), 1e-3)
for _ in range(1 if options.tiny else 5):
    for images, labels in (sampler[step] for step in range(len(sampler))):
        value = loss(labels, replica(torch.from_numpy(images), training=True))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    sampler.on_epoch_end()

if rank == 0:
    model.index(x[1000:1400], y=y[1000:1400])
    recall = model.evaluate_retrieval(x[1400:], y[1400:], ["recall@1"])["recall@1"]
    print(f"{world} processes, last loss {float(value):.3f}, recall@1 {recall:.3f}")
distributed.destroy_process_group()
