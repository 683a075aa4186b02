"""A ring of past embeddings and their classes, as variables that Keras trains around, saves and compiles."""

from typing import Any

import keras
from keras import ops

__all__ = ["EmbeddingQueue"]

Tensor = Any


class EmbeddingQueue(keras.layers.Layer):
    """The last `size` embeddings of a training, with their class codes.

    Args:
        size: How many it keeps, ≥ 1, which `CrossBatchMemory` checks; less than a batch keeps the last ones of it.
        warmup_steps: How many first steps are not kept, and find the queue empty.

    Variables: embeddings `(size, d)`, codes `(size,)`, and counters; none of them is trained.
    """

    def __init__(self, size: int, warmup_steps: int = 0, **kwargs: Any) -> None:
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.size = size
        self.warmup_steps = warmup_steps

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the ring for embeddings of the last axis's width."""
        # JAX has no wider integers; elsewhere a class beyond 32 bits keeps its own code.
        codes = "int32" if keras.backend.backend() == "jax" else "int64"
        self.embeddings = self._variable("embeddings", (self.size, input_shape[-1]), "float32")
        self.codes = self._variable("codes", (self.size,), codes)
        self.steps = self._variable("steps", (), "int32")
        self.written = self._variable("written", (), "int32")

    def _variable(self, name: str, shape: tuple[int, ...], dtype: str) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",  # the batch is that of all replicas, so each would write the same
        )

    def contents(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings, their codes, and which of them are there, boolean `(size,)`."""
        places: Tensor = ops.arange(self.size)
        present = places < ops.convert_to_tensor(self.written)
        return ops.convert_to_tensor(self.embeddings), ops.convert_to_tensor(self.codes), present

    def push(self, embeddings: Tensor, codes: Tensor) -> None:
        """Write a batch over the oldest entries, once the warm-up is over."""
        steps: Tensor = ops.convert_to_tensor(self.steps)
        total: Tensor = ops.convert_to_tensor(self.written)
        past, past_codes, _ = self.contents()
        ready = steps >= self.warmup_steps
        count: Tensor = ops.shape(codes)[0]
        # What each place gets: the last row of the batch that falls on it. Two writes to one place have no order.
        first = ops.mod(total, self.size)
        last = ops.mod(first + count - 1 - ops.arange(self.size), self.size)
        row = count - 1 - last
        fresh = ops.logical_and(row >= 0, ready)
        row = ops.maximum(row, 0)
        rows = ops.cast(ops.take(ops.stop_gradient(embeddings), row, axis=0), "float32")
        self.embeddings.assign(ops.where(fresh[:, None], rows, past))
        self.codes.assign(ops.where(fresh, ops.cast(ops.take(codes, row, axis=0), past_codes.dtype), past_codes))
        # Counted modulo the size once it is full, so that no training is long enough to overflow it.
        following: Tensor = total + ops.cast(count, "int32")
        wrapped = ops.where(following >= 2 * self.size, ops.mod(following, self.size) + self.size, following)
        self.written.assign(ops.where(ready, wrapped, total))
        self.steps.assign(ops.minimum(steps + 1, self.warmup_steps))

    def reset(self) -> None:
        """Forget everything, and begin the warm-up again."""
        for variable in self.weights:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "size": self.size, "warmup_steps": self.warmup_steps}
