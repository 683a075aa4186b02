"""The replicas of a training, as each framework has them: how many there are, and the rows of all of them.

JAX has none: under `keras.distribution` a compiled function sees whole arrays, whatever devices hold their parts.
"""

from collections.abc import Callable
from typing import Any

import keras

__all__ = ["gather_rows", "gradient_is_summed", "replica_count", "wants_gradient"]

Tensor = Any


def replica_count() -> int:
    """Return how many replicas run this step side by side, each with rows of its own; 1 for an ordinary training."""
    return _COUNTS.get(keras.backend.backend(), lambda: 1)()


def gradient_is_summed() -> bool:
    """Whether the replicas' gradients are added, as Keras's optimizers do on TensorFlow; torch's DDP averages them."""
    return keras.backend.backend() == "tensorflow"


def wants_gradient(tensor: Tensor) -> bool:
    """Whether this step is one of training, in which every replica takes part.

    A torch process that evaluates alone would wait for the others for ever.
    """
    if keras.backend.backend() != "torch":
        return True
    import torch

    return torch.is_grad_enabled() and tensor.requires_grad


def gather_rows(tensors: list[Tensor]) -> list[Tensor]:
    """Return the rows of all replicas, in their order; the gradient of a row is the sum over what all make of it."""
    return _GATHERERS[keras.backend.backend()](tensors)


def _count_with_tensorflow() -> int:
    import tensorflow as tf

    # None while a model is built, outside of any replica.
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def _gather_with_tensorflow(tensors: list[Tensor]) -> list[Tensor]:
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    gathered = [context.all_gather(tensor, axis=0) for tensor in tensors]
    for whole, own in zip(gathered, tensors, strict=True):
        whole.set_shape([None, *own.shape[1:]])  # TensorFlow forgets how wide rows are
    return gathered


def _count_with_torch() -> int:
    from torch import distributed

    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _gather_with_torch(tensors: list[Tensor]) -> list[Tensor]:
    import torch
    from torch import distributed

    # torch's own function of this name and gradient is deprecated in one release and renamed in the next.
    class AllGather(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, rows: Tensor) -> Tensor:
            ctx.count = len(rows)
            parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
            distributed.all_gather(parts, rows)
            return torch.cat(parts)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            total = gradients[0].contiguous()
            distributed.all_reduce(total)
            first = distributed.get_rank() * ctx.count
            return total[first : first + ctx.count]

    _check_counts(tensors[0])
    device = tensors[0].device  # labels from a sampler are not there yet
    return [AllGather.apply(tensor.to(device).contiguous()) for tensor in tensors]


def _check_counts(rows: Tensor) -> None:
    """Raise a ValueError in every process where they have batches of several sizes, which gloo would not notice."""
    import torch
    from torch import distributed

    own = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, own)
    sizes = [int(count) for count in counts]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"every process needs a batch of the same size: got {sizes}, in the order of their ranks.\n"
            "  Give each its shard of one sampler, or drop the last partial batch."
        )


_COUNTS: dict[str, Callable[[], int]] = {"tensorflow": _count_with_tensorflow, "torch": _count_with_torch}
_GATHERERS = {"tensorflow": _gather_with_tensorflow, "torch": _gather_with_torch}
