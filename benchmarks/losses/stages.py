"""Where the time of a loss over all pairs goes, when XLA compiles it: passes over one (4096, 4096) matrix, on JAX.

    KERAS_BACKEND=jax python benchmarks/losses/profile.py

Prints one JSON object: the CPU time of each pass in milliseconds. What a loss over all pairs adds to the products are
such passes, forward and backward.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import jax
import jax.numpy as jnp
from losses.ours import batch, median_ms

ROWS = 4096

PASSES = {
    "product e·eᵀ, (b, d) to (b, b)": lambda s, e, _: e @ e.T,
    "product s·e": lambda s, e, _: s @ e,
    "product sᵀ·e": lambda s, e, _: s.T @ e,
    "write a (b, b) matrix": lambda s, e, _: s * 2.0,
    "sum of each row": lambda s, e, _: s.sum(1),
    "sum of the exponentials of each row": lambda s, e, _: jnp.exp(s).sum(1),
    "the same, of the entries of one class": lambda s, e, y: jnp.where(_same(y), jnp.exp(s), 0.0).sum(1),
    "the same, of the entries above 0.5": lambda s, e, _: jnp.where(s > 0.5, jnp.exp(s), 0.0).sum(1),
}


def _same(labels):
    return labels[:, None] == labels[None, :]


def main():
    x, labels = (jnp.asarray(part) for part in batch(ROWS))
    matrix = x @ x.T
    times = {}
    for name, function in PASSES.items():
        compiled = jax.jit(function)
        jax.block_until_ready(compiled(matrix, x, labels))
        times[name] = median_ms(lambda compiled=compiled: jax.block_until_ready(compiled(matrix, x, labels)), 9)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
