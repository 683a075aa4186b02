"""The replicas of a training, as each framework has them: how many there are, and the rows of all of them.

JAX has none: under `keras.distribution` a compiled function sees whole arrays, whatever devices hold their parts.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import keras

__all__ = ["gather_rows", "gradient_is_summed", "replica_count", "replica_place", "wants_gradient", "withdraw"]

Tensor = Any
DIGEST_BYTES = 16  # of all that a process says of its tensors,
WORDS_BYTES = 240  # and of the beginning of it, which is read where processes differ


def replica_count() -> int:
    """Return how many replicas run this step side by side, each with rows of its own; 1 for an ordinary training."""
    return _COUNTS.get(keras.backend.backend(), lambda: 1)()


def replica_place() -> Tensor:
    """Return which of the replicas this one is, from 0: an int, or a tensor while TensorFlow traces."""
    return _PLACES.get(keras.backend.backend(), lambda: 0)() if replica_count() > 1 else 0


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
    """Return the rows of all replicas, in their order; the gradient of a row is the sum over what all make of it.

    Raises:
        ValueError: on PyTorch, and in every process, where their tensors differ in number, type or shape, or one
            of them withdrew. None of them has sent its rows then.

    Cost: sends every row to every replica; on PyTorch each process sends 256 bytes before them, in one exchange.
    """
    return _GATHERERS[keras.backend.backend()](tensors)


def withdraw(reason: str, tensors: Sequence[Any]) -> None:
    """Tell torch processes that this one has no rows to gather, so that they raise an error rather than wait for it.

    TensorFlow's replicas are of one program, which fails as a whole.

    Args:
        reason: What the others are to say of this process.
        tensors: What it was called with; the others' are on the same kind of device.
    """
    if keras.backend.backend() == "torch":
        _say(reason, tensors)


def _count_with_tensorflow() -> int:
    import tensorflow as tf

    # None while a model is built, outside of any replica.
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def _place_with_tensorflow() -> Tensor:
    import tensorflow as tf

    return tf.distribute.get_replica_context().replica_id_in_sync_group


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


def _place_with_torch() -> int:
    from torch import distributed

    return distributed.get_rank()


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
            # A copy: the gradient that comes in is also that of whatever else the rows were added to.
            total = gradients[0].clone(memory_format=torch.contiguous_format)
            distributed.all_reduce(total)
            first = distributed.get_rank() * ctx.count
            return total[first : first + ctx.count]

    _check_alike(tensors)
    # Labels from a sampler are not yet where the embeddings are.
    return [AllGather.apply(tensor.to(tensors[0].device).contiguous()) for tensor in tensors]


def _check_alike(tensors: list[Tensor]) -> None:
    """Raise a ValueError in every process where they would send other things, which gloo waits for or mixes up."""
    headers = _say(", ".join(map(_described, tensors)), tensors)
    if len(set(headers)) > 1:
        said = [header[DIGEST_BYTES:].rstrip(b"\0").decode(errors="replace") for header in headers]
        ranks = "\n".join(f"  rank {rank}: {words}" for rank, words in enumerate(said))
        raise ValueError(
            "every process needs a batch of the same types and shapes, or none can go on: got\n"
            f"{ranks}\n"
            "  Give each its shard of one sampler, drop the last partial batch, and pass weights everywhere or nowhere."
        )


def _described(tensor: Tensor) -> str:
    import torch

    kind = str(tensor.dtype).removeprefix("torch.")
    # Where one process wants a gradient of it, all have to: they add theirs up together.
    gradient = " with gradient" if torch.is_grad_enabled() and tensor.requires_grad else ""
    return f"{kind} {tuple(tensor.shape)}{gradient}"


def _say(words: str, tensors: Sequence[Any]) -> list[bytes]:
    """Return what every process says, in the order of their ranks; this one says `words`."""
    import torch
    from torch import distributed

    text = words.encode()
    header = blake2b(text, digest_size=DIGEST_BYTES).digest() + text[:WORDS_BYTES].ljust(WORDS_BYTES, b"\0")
    device = next((tensor.device for tensor in tensors if isinstance(tensor, torch.Tensor)), "cpu")
    own = torch.tensor(list(header), dtype=torch.uint8, device=device)
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, own)
    return [bytes(part.tolist()) for part in parts]


_COUNTS: dict[str, Callable[[], int]] = {"tensorflow": _count_with_tensorflow, "torch": _count_with_torch}
_PLACES: dict[str, Callable[[], Tensor]] = {"tensorflow": _place_with_tensorflow, "torch": _place_with_torch}
_GATHERERS = {"tensorflow": _gather_with_tensorflow, "torch": _gather_with_torch}
