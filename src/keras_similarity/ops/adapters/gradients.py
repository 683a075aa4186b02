"""A function's value and its gradients at once, on each backend, and whether gradients are wanted at all."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

__all__ = ["gradients_recorded", "value_and_gradients"]

Tensor = Any


def value_and_gradients(
    function: Callable[..., Tensor], arguments: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return a scalar function's value at some float tensors, and its gradient with respect to each of them."""
    return _FORMS[keras.backend.backend()](function, tuple(arguments))


def gradients_recorded() -> bool:
    """Whether this may be a step of training: torch says that it is none by `no_grad`, in which Keras evaluates too."""
    if keras.backend.backend() != "torch":
        return True
    import torch

    return torch.is_grad_enabled()


def _with_jax(function: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> Any:
    import jax

    return jax.value_and_grad(function, tuple(range(len(arguments))))(*arguments)


def _with_tensorflow(function: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = function(*arguments)
    return value, tape.gradient(value, arguments, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _with_torch(function: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> Any:
    import torch

    with torch.enable_grad():
        leaves = [argument.detach().requires_grad_() for argument in arguments]
        value = function(*leaves)
        gradients = torch.autograd.grad(value, leaves, materialize_grads=True, allow_unused=True)
    return value.detach(), gradients


_FORMS = {"jax": _with_jax, "tensorflow": _with_tensorflow, "torch": _with_torch}
