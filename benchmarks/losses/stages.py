"""Where the time of a loss over all pairs goes, when XLA compiles it, on the backend of KERAS_BACKEND.

    KERAS_BACKEND=tensorflow python benchmarks/losses/stages.py

Prints one JSON object: the CPU time of each stage in milliseconds, at 4,096 rows. The first stages are what bounds a
loss from below; the later ones are what it adds, whole and in the chunks that a big batch is compared in.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
from keras import ops
from losses.ours import batch, median_ms

from keras_similarity.losses.metric_loss import CACHED_ROWS

ROWS = 4096


def _same(labels):
    return ops.equal(labels[:, None], labels[None, :])


def _in_chunks(work, *, as_columns=True):
    """What a loss costs at least that does `work` on the products of some rows and e: one product, and two back."""

    def stage(_s, e, _y):
        parts = ops.reshape(e, (-1, CACHED_ROWS, e.shape[1]))

        def add(number, so_far):
            rows = ops.take(parts, number, axis=0)
            s = work(ops.matmul(rows, ops.transpose(e)))
            of_rows = ops.slice_update(so_far[0], (number, 0, 0), ops.matmul(s, e)[None])
            of_keys = ops.matmul(ops.transpose(rows), s)
            return of_rows, so_far[1] + (of_keys if as_columns else ops.transpose(of_keys))

        start = ops.zeros_like(ops.transpose(e) if as_columns else e)
        return ops.fori_loop(0, parts.shape[0], add, (ops.zeros_like(parts), start))

    return stage


STAGES = {
    "the three products": lambda _s, e, _y: _products(e),
    "one product e·eᵀ, (b, d) to (b, b)": lambda _s, e, _y: ops.matmul(e, ops.transpose(e)),
    "one product s·e": lambda s, e, _y: ops.matmul(s, e),
    "one product sᵀ·e": lambda s, e, _y: ops.matmul(ops.transpose(s), e),
    "write a (b, b) matrix": lambda s, _e, _y: s * 2.0,
    "sum of each row": lambda s, _e, _y: ops.sum(s, axis=1),
    "sum of the exponentials of each row": lambda s, _e, _y: ops.sum(ops.exp(s), axis=1),
    "the same, of the entries of one class": lambda s, _e, y: ops.sum(ops.where(_same(y), ops.exp(s), 0.0), axis=1),
    "the three products in chunks": _in_chunks(lambda s: s),
    "the same, the keys' sums turned round for each chunk": _in_chunks(lambda s: s, as_columns=False),
    "in chunks, with one exponential of each entry": _in_chunks(ops.exp),
    "in chunks, divided by its row's sum too": _in_chunks(lambda s: ops.softmax(s, axis=1)),
}


def _products(e):
    s = ops.matmul(e, ops.transpose(e))
    return ops.matmul(s, e), ops.matmul(ops.transpose(s), e)


def _compiled(function, arguments):
    if keras.backend.backend() == "jax":
        import jax

        call = jax.jit(function)
        return lambda: jax.block_until_ready(call(*arguments))
    import tensorflow as tf

    call = tf.function(function, jit_compile=True)
    return lambda: call(*arguments)


def main():
    x, labels = (ops.convert_to_tensor(part) for part in batch(ROWS))
    matrix = ops.matmul(x, ops.transpose(x))
    times = {}
    for name, function in STAGES.items():
        call = _compiled(function, (matrix, x, labels))
        call()
        times[name] = median_ms(call, 9)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
