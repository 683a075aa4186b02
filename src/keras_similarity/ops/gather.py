"""The batch of all replicas: a loss that compares rows must compare them all, or it is another loss.

Every replica gathers the rows of all and computes the whole loss, so that miners, reducers and memories see what they
would on one device. Gradients are those of one device too: gathering sends each row the gradients of all replicas,
and the loss is divided where they are added up.
"""

from typing import Any

from keras import ops

from keras_similarity.core.checks import as_array
from keras_similarity.ops.adapters.replicas import gather_rows, gradient_is_summed, replica_count, wants_gradient
from keras_similarity.ops.pairwise import as_wide_float

__all__ = ["gather", "replica_share", "whole_batch", "whole_value"]

Tensor = Any


def gather(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return tensors with the rows of every replica of a training, for a loss of one's own.

    The losses of this package, and those of its heads, do it themselves.

    Args:
        *tensors: `(b, …)`, of any types and the same number of rows.

    Returns:
        For each `(replicas · b, …)`, in the replicas' order, the same in every replica; the tensors as they are
        without replicas, and on JAX, whose arrays are whole already. The gradient of a row is the sum of what all
        replicas make of it: average the replicas' losses or gradients, as `DistributedDataParallel` does.

    Raises:
        ValueError: on PyTorch, processes whose batches are of several sizes.

    Cost: sends every row to every replica, and gradients back. On PyTorch every process must call it.

    Example:
        >>> rows, labels = gather(ops.ones((2, 3)), ops.arange(2))
        >>> tuple(rows.shape)
        (2, 3)
    """
    return tuple(gather_rows(list(tensors))) if replica_count() > 1 else tensors


def whole_batch(labels: Any, embeddings: Tensor, sample_weight: Any = None) -> tuple[Any, Tensor, Any]:
    """Return what a loss is called with, of all replicas where several train; as it is where one does.

    Raises:
        TypeError: labels that no tensor holds, such as strings, where they have to be sent to other replicas.
    """
    if replica_count() == 1 or not wants_gradient(embeddings):
        return labels, embeddings, sample_weight
    tensors = [as_wide_float(embeddings), _as_tensor(labels)]
    if sample_weight is not None:
        tensors.append(_as_tensor(sample_weight))
    rows, codes, *weights = gather_rows(tensors)
    return codes, rows, weights[0] if weights else None


def replica_share(loss: Tensor) -> Tensor:
    """Return what a replica is to minimise of a loss of the whole batch."""
    return loss / _summands() if _summands() > 1 else loss


def whole_value(loss: Tensor) -> Tensor:
    """Return the loss of the whole batch from what a replica minimises of it."""
    return loss * _summands() if _summands() > 1 else loss


def _summands() -> int:
    return replica_count() if gradient_is_summed() else 1


def _as_tensor(values: Any) -> Tensor:
    if ops.is_tensor(values):
        return values
    array = as_array(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"labels of a training with several replicas must be numbers: got {array.reshape(-1)[:1].tolist()}.\n"
            "  Pass the codes that samplers hand out, which are the same in every process."
        )
    return ops.convert_to_tensor(array)
