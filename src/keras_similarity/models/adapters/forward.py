"""A model's forward pass, compiled, with nothing around it: what looking up one example cannot do without."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

__all__ = ["Forward"]


class Forward:
    """Call a model on a batch of arrays, in inference, and return arrays.

    `predict_on_batch` does the same, and on JAX it takes the variables out of the model and puts them back at every
    call: half a millisecond, and never from two threads at once. Here they are only read.

    Args:
        model: A built `keras.Model`; its structure is compiled once for each shape of batch, as in `predict`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._variables: list[Any] = []
        self._compiled: Callable[[Any], Any] | None = None

    def __call__(self, batch: Any) -> Any:
        """Return the model's outputs for one array, or for a structure of arrays, of several inputs."""
        model = self._model
        if model.run_eagerly or not _alone():
            return model.predict_on_batch(batch)
        variables = model.variables
        same = len(variables) == len(self._variables) and all(map(_is, variables, self._variables))
        if self._compiled is None or not same:  # a layer was quantised, or took on adapters
            self._variables, self._compiled = variables, _COMPILERS[keras.backend.backend()](model, variables)
        return keras.tree.map_structure(np.asarray, self._compiled(batch))


def _is(one: Any, other: Any) -> bool:
    return one is other


def _alone() -> bool:
    """Whether one device computes: where variables are spread over several, Keras places the batch too."""
    return keras.backend.backend() in _COMPILERS and keras.distribution.distribution() is None


def _with_jax(model: Any, variables: list[Any]) -> Callable[[Any], Any]:
    import jax

    @jax.jit
    def forward(values: list[Any], batch: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return model(batch, training=False)

    def call(batch: Any) -> Any:
        model.jax_state_sync()  # in the middle of `fit` the variables' newest values are elsewhere
        return forward([variable.value for variable in variables], batch)

    return call


def _with_tensorflow(model: Any, variables: list[Any]) -> Callable[[Any], Any]:
    import tensorflow as tf

    traces: dict[Any, Any] = {}

    def call(batch: Any) -> Any:
        parts = [tf.convert_to_tensor(part) for part in keras.tree.flatten(batch)]
        # Finding the trace for these inputs again costs `tf.function` 0.7 ms a call, as much as a small model.
        kind = (type(batch), *((part.dtype, *part.shape[1:]) for part in parts))
        if kind not in traces:
            shape = keras.tree.map_structure(lambda part: None, batch)  # the batch itself would be kept for good
            forward = tf.function(lambda *parts: model(keras.tree.pack_sequence_as(shape, parts), training=False))
            any_rows = [tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in parts]
            traces[kind] = forward.get_concrete_function(*any_rows)
        return traces[kind](*parts)

    return call


# PyTorch does not compile: there `predict_on_batch` is the call itself.
_COMPILERS = {"jax": _with_jax, "tensorflow": _with_tensorflow}
