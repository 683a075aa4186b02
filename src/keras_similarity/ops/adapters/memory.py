"""Keeping freed memory for the next chunk, where a backend asks the system for each matrix anew."""

import functools

import keras

__all__ = ["keep_freed_memory"]

KEPT_BYTES = 31 << 20


@functools.cache
def keep_freed_memory() -> None:
    """Have up to 62 MB that torch frees kept by the process, once.

    glibc returns freed memory to the system above twice the largest block that was freed so far (of those up to
    32 MB), which for chunks of 4 MB is at once: up to a third of a loss's time went into fresh, zeroed pages. JAX and
    TensorFlow keep memory by themselves.
    """
    if keras.backend.backend() != "torch":
        return
    import torch

    torch.empty(KEPT_BYTES, dtype=torch.uint8, device="cpu")  # never written: it costs no page, and is freed here
