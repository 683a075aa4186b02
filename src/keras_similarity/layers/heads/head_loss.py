"""The loss of a head with class weights: it finds the head's weights, and keeps labels exact.

A loss is no part of a model, so a saved or cloned loss cannot hold its head: it knows the head's name, and takes the
layer of that name whose forward pass it follows.
"""

import threading
import weakref
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import as_array, check_choice
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.ops import (
    as_wide_float,
    check_label_count,
    concrete,
    masked_mean,
    one_per_row,
    replica_share,
    row_weights,
    whole_batch,
)
from keras_similarity.ops.gather import failing_everywhere

__all__ = ["HeadLoss", "note_forward_pass"]

Tensor = Any
REDUCTIONS = ("mean", "none", "sum")


class _ForwardPasses(threading.local):
    """The head of each name that was called last, in this thread."""

    def __init__(self) -> None:
        self.last: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


_PASSES = _ForwardPasses()


def note_forward_pass(head: Any, *, training: bool) -> None:
    """Remember that a head was called, and whether in training: its loss is asked next, and is told neither."""
    head.in_training = training
    head.awaits_loss = True
    _PASSES.last[head.name] = head


@keras.saving.register_keras_serializable(package="keras_similarity")
class HeadLoss(keras.losses.Loss):
    """The loss of a head with class weights; `head.loss()` makes it.

    Args:
        head: The head, or its name, for the head of that name in the model that is compiled with this loss.
        reduction: "mean" over the rows, "sum", or "none" for one value per row (per class for `ProxyAnchor`).
        name: Name in logs.

    Raises:
        TypeError: `head` is neither.
        ValueError: an unknown reduction.

    Called as `loss(labels, embeddings, sample_weight=None)`: labels `(b,)` or `(b, 1)`, whole numbers from 0 to
    c − 1; embeddings `(b, d)`, what the head returned; a sample weight multiplies its row's value.

    A label that is no class is a ValueError wherever its value can be read: on PyTorch always, on JAX and TensorFlow
    outside compiled functions. Inside them, as in `fit`, the reported loss becomes NaN; that row has no gradient and
    the other rows train as they would without it, so the weights stay sound.

    Saving a model keeps its `HeadLoss` by the head's name.

    Example:
        >>> from keras_similarity.layers import ArcFace
        >>> head = ArcFace(num_classes=3)
        >>> embeddings = head(np.array([[1.0, 0.0], [0.0, 1.0]], "float32"))
        >>> tuple(head.loss(reduction="none")([2, 0], embeddings).shape)
        (2,)
    """

    def __init__(self, head: Any, *, reduction: str | None = "mean", name: str | None = None) -> None:
        if not isinstance(head, str) and not hasattr(head, "batch_losses"):
            raise TypeError(
                f"`head` must be a head with class weights, or the name of one: got {type(head).__name__}.\n"
                "  Write `head = ArcFace(num_classes)`, then `head.loss()`."
            )
        reduction = "none" if reduction is None else reduction
        check_choice(reduction, REDUCTIONS, name="reduction")
        self.head_name = head if isinstance(head, str) else head.name
        super().__init__(name=name or f"{self.head_name}_loss", reduction=reduction)
        # A weak reference: the model owns the layer, and Keras must not find its weights here a second time.
        self._reference = None if isinstance(head, str) else weakref.ref(head)

    @property
    def distance(self) -> Distance:
        """What the trained embeddings are to be compared by: cosine distance."""
        return get_distance("cosine")

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """Return one value per row, `(b,)`; per class, `(c,)`, for `ProxyAnchor`."""
        return self._values(y_true, y_pred, None)

    def __call__(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """Return the reduced loss; Keras calls this."""
        # Not Keras's own, which casts labels to a float type that takes 2²⁴ and 2²⁴ + 1 for one.
        with keras.name_scope(self.name):
            values = replica_share(self._values(y_true, y_pred, sample_weight))
            if self.reduction == "mean":
                return masked_mean(values, ops.ones_like(values, dtype="bool"))
            return ops.sum(values) if self.reduction == "sum" else values

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"head": self.head_name, "reduction": self.reduction, "name": self.name}

    def _values(self, labels: Any, embeddings: Tensor, sample_weight: Any) -> Tensor:
        with failing_everywhere(embeddings):
            head = self._head()
            rows = as_wide_float(embeddings)
            codes = _class_codes(labels, head)
            _check_rows(codes, rows, head)
            weights = row_weights(sample_weight, rows)
        codes, rows, weights = whole_batch(codes, rows, weights)
        return head.batch_losses(codes, rows, weights)

    def _head(self) -> Any:
        """Return the head whose forward pass came before, or raise a ValueError."""
        latest = _PASSES.last.get(self.head_name)
        head = latest if self._reference is None else self._reference()
        if head is None or not head.built or (head is not latest and not head.awaits_loss):
            raise ValueError(
                f"`{self.name}` found no embeddings that came through its head {self.head_name!r}.\n"
                "  End the model in the head, `outputs = head(embedding)`, and compile that model with "
                "`loss=head.loss()` of the same head."
            )
        self._reference = weakref.ref(head)
        head.awaits_loss = False
        return head


def _class_codes(labels: Any, head: Any) -> Tensor:
    """Return labels as int32 `(b,)`, −1 where one is no class; raise a ValueError where their values can be read."""
    values = concrete(labels) if ops.is_tensor(labels) else as_array(labels)
    if values is not None:
        _check_classes(values.reshape(-1), head)  # on the host, where a number of 64 bits is whole
    labels = one_per_row(labels if ops.is_tensor(labels) else values)
    codes = ops.cast(labels, "int32")
    whole = ops.equal(ops.cast(codes, ops.dtype(labels)), labels)  # no fraction, and no more than 32 bits
    is_class = ops.logical_and(whole, ops.logical_and(codes >= 0, codes < head.num_classes))
    return ops.where(is_class, codes, -1)


def _check_classes(values: Any, head: Any) -> None:
    if values.dtype.kind in "biuf":
        wrong = ~((values >= 0) & (values < head.num_classes) & (values % 1 == 0))
        if not wrong.any():
            return
        row = int(wrong.argmax())
        got = f"row {row} is {values[row]} ({int(wrong.sum())} such rows)"
    else:
        got = f"row 0 is {values.tolist()[0]!r}"
    raise ValueError(
        f"labels must be whole numbers from 0 to {head.num_classes - 1}, the classes of {head.name!r}: {got}.\n"
        "  Make the head with as many classes as the training data have, and pass the codes that samplers hand out."
    )


def _check_rows(codes: Tensor, rows: Tensor, head: Any) -> None:
    width = head.class_weights.shape[1]
    if len(rows.shape) != 2 or rows.shape[1] != width:
        raise ValueError(
            f"`embeddings` needs shape (b, {width}), what {head.name!r} returned: got {tuple(rows.shape)}.\n"
            "  Give this loss to the output that ends in its head."
        )
    check_label_count(codes, rows)
