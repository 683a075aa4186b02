"""The batch of all replicas: a loss that compares rows must compare them all, or it is another loss.

Every replica gathers the rows of all and computes the whole loss, so that miners, reducers and memories see what they
would on one device. Gradients are those of one device too: gathering sends each row the gradients of all replicas,
and the loss is divided where they are added up.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from keras import ops

from keras_similarity.core.checks import as_array
from keras_similarity.ops.adapters.replicas import (
    gather_rows,
    gradient_is_summed,
    replica_count,
    replica_place,
    wants_gradient,
    withdraw,
)
from keras_similarity.ops.pairwise import as_wide_float

__all__ = ["failing_everywhere", "gather", "replica_share", "row_numbers", "whole_batch", "whole_value"]

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
        TypeError: values that no tensor holds, such as strings, where they have to be sent to other replicas.
        ValueError: on PyTorch, in every process: tensors that differ between processes in number, type or shape, or in
            whether a gradient is wanted; or another process that raised an error in place of sending any.

    Cost: sends every row to every replica, and gradients back. On PyTorch each process sends 256 bytes before them, by
        which they compare what is to come. There every process must call it: one that does not is waited for until the
        process group's own time limit.

    Example:
        >>> rows, labels = gather(ops.ones((2, 3)), ops.arange(2))
        >>> tuple(rows.shape)
        (2, 3)
    """
    if replica_count() == 1:
        return tensors
    with _failing_with_all(tensors):
        sent = [_as_tensor(values) for values in tensors]
    return tuple(gather_rows(sent))


@contextmanager
def failing_everywhere(embeddings: Tensor) -> Generator[None]:
    """Have an error of this process raise one in all of them: for checks that come before `whole_batch`."""
    if replica_count() == 1 or not wants_gradient(embeddings):
        yield
        return
    with _failing_with_all([embeddings]):
        yield


def whole_batch(labels: Any, embeddings: Tensor, sample_weight: Any = None) -> tuple[Any, Tensor, Any]:
    """Return what a loss is called with, of all replicas where several train; as it is where one does.

    Raises:
        TypeError: labels that no tensor holds, such as strings, where they have to be sent to other replicas.
        ValueError: on PyTorch, in every process: see `gather`.

    Example:
        >>> labels, rows, weights = whole_batch([0, 1], ops.ones((2, 3)))  # where one device trains, as it is
        >>> labels, tuple(rows.shape), weights
        ([0, 1], (2, 3), None)
    """
    if replica_count() == 1 or not wants_gradient(embeddings):
        return labels, embeddings, sample_weight
    with _failing_with_all([embeddings]):
        tensors = [as_wide_float(embeddings), _as_tensor(labels)]
        if sample_weight is not None:
            tensors.append(_as_tensor(sample_weight))
    rows, codes, *weights = gather_rows(tensors)
    return codes, rows, weights[0] if weights else None


def row_numbers(rows: Tensor) -> Tensor:
    """Return a number for each row `(b,)`, int32, that no other row of any replica has.

    Example:
        >>> ops.convert_to_numpy(row_numbers(ops.ones((3, 2)))).tolist()  # of one replica, its places
        [0, 1, 2]
    """
    return ops.arange(ops.shape(rows)[0], dtype="int32") * replica_count() + replica_place()


def replica_share(loss: Tensor) -> Tensor:
    """Return what a replica is to minimise of a loss of the whole batch.

    Example:
        >>> float(replica_share(ops.array(3.0)))  # of one replica, all of it
        3.0
    """
    return loss / _summands() if _summands() > 1 else loss


def whole_value(loss: Tensor) -> Tensor:
    """Return the loss of the whole batch from what a replica minimises of it.

    Example:
        >>> float(whole_value(replica_share(ops.array(3.0))))
        3.0
    """
    return loss * _summands() if _summands() > 1 else loss


def _summands() -> int:
    return replica_count() if gradient_is_summed() else 1


@contextmanager
def _failing_with_all(tensors: Sequence[Any]) -> Generator[None]:
    try:
        yield
    except Exception as error:
        withdraw(f"{type(error).__name__}: {error}", tensors)
        raise


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
