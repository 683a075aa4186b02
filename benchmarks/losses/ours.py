"""Forward and backward of one loss at one batch size, on the backend of KERAS_BACKEND; prints one JSON object.

    ours.py LOSS ROWS [CHUNK]

Beside it, in turns in the same process, the three products that no loss over all pairs can do without: s = e·eᵀ, s·e
and sᵀ·e. Everything is compiled as `fit` compiles it: by XLA on JAX and TensorFlow; torch runs eagerly.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
import numpy as np
from keras import ops
from losses.memory import extra_mb

from keras_similarity import losses

WIDTH = 128
CLASS_SIZE = 8
FEW_ROWS = 256
MANY_ROWS = 8000  # above, one call is long enough, and the products are no bound
ROUNDS = 9


def batch(rows):
    rng = np.random.default_rng(0)
    labels = (np.arange(rows) // CLASS_SIZE).astype("int32")
    centers = rng.normal(size=(rows // CLASS_SIZE, WIDTH))[labels]
    x = (centers + 1.5 * rng.normal(size=(rows, WIDTH))).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True), labels


LOSSES = {
    "multi_similarity": losses.MultiSimilarityLoss,
    "circle": losses.CircleLoss,
    "pn": losses.PNLoss,
    "soft_nearest_neighbor": losses.SoftNearestNeighborLoss,
    "supcon": losses.SupConLoss,
    "triplet": losses.TripletLoss,
    "all_triplets": lambda: losses.TripletLoss("cosine", "all", "all", 0.1),
    "info_nce": losses.InfoNCELoss,
}


def step(function, x, labels):
    """Value and gradient as one call without arguments."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(jax.value_and_grad(lambda e, y: function(y, e)))
        x, labels = jax.numpy.asarray(x), jax.numpy.asarray(labels)
        return lambda: jax.block_until_ready(compiled(x, labels))
    if backend == "tensorflow":
        import tensorflow as tf

        x, labels = tf.constant(x), tf.constant(labels)

        @tf.function(jit_compile=True)
        def compiled(e, y):
            with tf.GradientTape() as tape:
                tape.watch(e)
                value = function(y, e)
            return value, tape.gradient(value, e)

        return lambda: compiled(x, labels)
    import torch

    x, labels = torch.tensor(x, requires_grad=True), torch.tensor(labels)

    def eager():
        x.grad = None
        value = function(labels, x)
        value.backward()
        return value.detach(), x.grad

    return eager


def three_products(x):
    """The bare products, compiled; no gradient, since they are what a gradient would do."""
    backend = keras.backend.backend()

    def products(e):
        s = ops.matmul(e, ops.transpose(e))
        return ops.matmul(s, e), ops.matmul(ops.transpose(s), e)

    if backend == "jax":
        import jax

        compiled, x = jax.jit(products), jax.numpy.asarray(x)
        return lambda: jax.block_until_ready(compiled(x))
    if backend == "tensorflow":
        import tensorflow as tf

        compiled, x = tf.function(products, jit_compile=True), tf.constant(x)
        return lambda: compiled(x)
    import torch

    x = torch.tensor(x)
    return lambda: products(x)


def median_ms(call, rounds):
    return in_turns([call], rounds)[0]


def in_turns(calls, rounds):
    """The median CPU time of each call; one after another in each round, so that a slow minute is everybody's."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, of_call in zip(calls, times, strict=True):
            started = time.process_time()
            call()
            of_call.append(1000 * (time.process_time() - started))
    return [sorted(of_call)[rounds // 2] for of_call in times]


def made(name, rows, chunk):
    """The call to be measured, without arguments."""
    x, labels = batch(rows)
    loss = LOSSES[name]() if chunk is None else LOSSES[name](chunk_size=chunk)
    return step(loss, x, (np.arange(rows) // 2).astype("int32") if name == "info_nce" else labels)


def main(name, rows, chunk):
    call = made(name, rows, chunk)
    if keras.backend.backend() == "tensorflow":
        # It keeps what a first call allocates: that call counts, without what it takes for a few rows, to compile.
        made(name, FEW_ROWS, chunk)()
        compiling, _ = extra_mb(made(name, FEW_ROWS, chunk), warm_up=False)
        memory, result = extra_mb(call, warm_up=False)
        memory = max(memory - compiling, 0.0)
    else:
        memory, result = extra_mb(call)
    found = {"extra_mb": memory, "value": float(ops.convert_to_numpy(result[0]))}
    if rows > MANY_ROWS:
        found["cpu_ms"] = median_ms(call, 1)
    else:
        products = three_products(batch(rows)[0])
        products()
        found["cpu_ms"], found["products_cpu_ms"] = in_turns([call, products], ROUNDS)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
