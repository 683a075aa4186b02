"""The value and gradient of a scalar function of one array, on whichever backend Keras runs."""

import keras
import numpy as np


def value_and_gradient(function, x):
    """Return `function(x)` and its gradient as NumPy arrays."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        value, gradient = jax.value_and_grad(function)(jax.numpy.asarray(x))
        return np.asarray(value), np.asarray(gradient)
    if backend == "tensorflow":
        import tensorflow as tf

        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            value = function(variable)
        gradient = tape.gradient(value, variable, unconnected_gradients="zero")
        return value.numpy(), gradient.numpy()
    import torch

    tensor = torch.tensor(x, requires_grad=True)
    value = function(tensor)
    if value.requires_grad:
        value.backward()
    gradient = np.zeros_like(x) if tensor.grad is None else tensor.grad.numpy()
    return value.detach().numpy(), gradient


def finite_difference(function, x, step=1e-5):
    """Return the gradient of a NumPy function by central differences in float64."""
    x = np.asarray(x, np.float64)
    gradient = np.zeros_like(x)
    for position in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[position] += step
        behind[position] -= step
        gradient[position] = (function(ahead) - function(behind)) / (2 * step)
    return gradient
