"""Instance discrimination: a softmax over the others that should follow soft or multi-label targets."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.distances import Distance
from keras_similarity.losses.comparison import Anchors, Comparison
from keras_similarity.losses.regularizers import SpreadOutRegularizer
from keras_similarity.losses.supcon import SupConLoss
from keras_similarity.ops import as_wide_float, concrete, masked_log_sum_exp, pairwise_distances

__all__ = ["InstanceDiscriminationLoss", "instance_discrimination"]

Tensor = Any


def instance_discrimination(
    labels: Any, embeddings: Tensor, *, distance: str | Distance = "cosine", temperature: float = 0.07
) -> Tensor:
    """Cross-entropy of soft or multi-label targets over the other items, one value per anchor.

    Definition, with s = −d / τ and labels y, j and k ≠ i:
        T_ij = ⟨y_i, y_j⟩ / Σ_k ⟨y_i, y_k⟩        L_i = −Σ_j T_ij log(exp(s_ij) / Σ_k exp(s_ik))

    Args:
        labels: Rows `(b, c)` of numbers ≥ 0: chances of c classes (soft labels; the target is then the chance that two
            items are of one class), or 0 and 1 for several classes an item (the number of classes shared). Or classes
            `(b,)`: then it is `supcon` at this temperature.
        embeddings: Float rows `(b, d)`, any norm.
        distance: Name or `Distance`; the paper's is the cosine.
        temperature: τ > 0, in units of the distance.

    Returns:
        `(b,)`, float32 or wider. An anchor that shares no class with any other gives exactly 0.

    Raises:
        ValueError: wrong shapes, an unknown distance, or a temperature that is not above 0.

    Cost: O(b² d) time, a few (b, b) matrices.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> y = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
        >>> [f"{float(value):.3f}" for value in instance_discrimination(y, x, temperature=0.5)]
        ['1.027', '1.314', '0.627', '0.000']

    References:
        Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, 2018, arXiv:1805.01978,
        eqs. (2) and (3), with soft targets in the place of one instance.
    """
    loss = InstanceDiscriminationLoss(distance, temperature, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class InstanceDiscriminationLoss(SupConLoss):
    """The mean of `instance_discrimination` over the anchors that share a class with another item.

    Args:
        distance, temperature: See `instance_discrimination`.
        reduction, name, **kwargs: See `MetricLoss`. Rows of labels take no miner, no chunks and no mean over classes,
            since they make no pairs of two kinds.

    Raises:
        ValueError: one of these with rows of labels, or numbers below 0 among them.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
        >>> y = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7]])
        >>> f"{float(InstanceDiscriminationLoss(temperature=0.5)(y, x)):.3f}"
        '1.169'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        temperature: float = 0.07,
        reduction: str | None = "mean",
        name: str | None = "instance_discrimination_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance, temperature, reduction=reduction, name=name, **kwargs)

    def anchors_of(self, labels: Any, embeddings: Tensor) -> Anchors:
        """Return the anchors of a batch; their codes are rows `(b, c)` where the labels are."""
        rows: Tensor = labels if ops.is_tensor(labels) else None
        if rows is None and not isinstance(labels, str) and _is_matrix(labels):
            rows = ops.convert_to_tensor(labels)
        if rows is None or len(rows.shape) != 2 or rows.shape[1] == 1 or len(embeddings.shape) != 2:
            return super().anchors_of(labels, embeddings)
        self._check_takes_rows(rows)
        if None not in (rows.shape[0], embeddings.shape[0]) and rows.shape[0] != embeddings.shape[0]:
            raise ValueError(
                f"`labels` needs one row per embedding row: got {rows.shape[0]} label rows for embeddings of shape "
                f"{tuple(embeddings.shape)}.\n  Pass the labels of the same batch."
            )
        x = as_wide_float(embeddings)
        y = ops.cast(rows, x.dtype)
        return Anchors(x, y, x, y, among_keys=True)

    def _check_takes_rows(self, labels: Tensor) -> None:
        """Raise a ValueError for what needs one class an item, or for chances below 0."""
        regularizer = self.embedding_regularizer
        needs_classes = {
            "miner": self.miner is not None,
            "chunk_size": self.chunk_size is not None,
            "reduction": self.reducer.name == "mean_classes",
            "embedding_regularizer": isinstance(regularizer, SpreadOutRegularizer),
        }
        for name in [name for name, given in needs_classes.items() if given]:
            raise ValueError(f"`{name}` needs one class an item: got rows of labels.\n  Leave {name} out.")
        numbers = concrete(labels)
        if numbers is not None and numbers.size and numbers.min() < 0:
            raise ValueError(
                f"`labels` needs numbers of at least 0: got {numbers.min():g}.\n  Pass chances, or 0 and 1 a class."
            )

    def comparison(self, anchors: Anchors) -> Comparison:
        """Compare anchors by their targets, where their labels are rows."""
        if len(anchors.codes.shape) == 1:
            return super().comparison(anchors)
        shared = ops.matmul(anchors.codes, ops.transpose(anchors.codes))
        others = ops.logical_not(ops.eye(ops.shape(shared)[0], dtype="bool"))
        shared = ops.where(others, shared, 0.0)
        total = ops.sum(shared, axis=1)
        logits = self.logits(pairwise_distances(anchors.rows, anchors.keys, self.distance))
        everyone = masked_log_sum_exp(logits, others, self.logit_bound)
        pulled = ops.sum(shared * logits, axis=1) / ops.where(total > 0, total, 1.0)
        pairs = ops.sum(ops.cast(shared > 0, "int32"), axis=1)
        return Comparison(ops.where(total > 0, everyone - pulled, 0.0), total > 0, pairs)


def _is_matrix(labels: Any) -> bool:
    """Whether labels from outside a framework are rows of numbers."""
    if isinstance(labels, list | tuple) and not (labels and isinstance(labels[0], list)):
        return False
    return len(getattr(labels, "shape", (0, 0))) == 2
