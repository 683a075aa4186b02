"""Matryoshka: the first numbers of an embedding should be an embedding too."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number, check_whole
from keras_similarity.losses.comparison import Anchors, Comparison
from keras_similarity.losses.metric_loss import MetricLoss

__all__ = ["MatryoshkaLoss"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class MatryoshkaLoss(MetricLoss):
    """Any tuple loss, summed over the embedding cut to several widths.

    A model trained with it can be searched with a short part of its embeddings (`embeddings[:, :width]`), which
    costs less memory and time. Cut rows are no longer of length 1: use a distance that normalises, such as cosine.

    Args:
        loss: A tuple loss; its reduction, miner and distance are used.
        widths: How many first numbers to keep, each ≥ 1, such as (256, 128, 64); the full width should be one.
        weights: A factor for each width, ≥ 0; None for 1.
        name: Name in logs.

    Raises:
        TypeError: `loss` is no tuple loss.
        ValueError: no width, a width below 1 or beyond the embedding, or another number of weights.

    Cost: that of the loss for each width.

    Example:
        >>> from keras_similarity.losses import TripletLoss
        >>> loss = MatryoshkaLoss(TripletLoss(margin=0.5), widths=(1, 2))
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], "float32")
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.725'

    References:
        Kusupati et al., Matryoshka Representation Learning, 2022, arXiv:2205.13147, eq. (1).
    """

    def __init__(
        self,
        loss: MetricLoss | dict[str, Any],
        widths: Sequence[int],
        weights: Sequence[float] | None = None,
        *,
        name: str | None = "matryoshka_loss",
    ) -> None:
        loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        if not isinstance(loss, MetricLoss) or hasattr(loss, "state"):
            raise TypeError(
                f"`loss` must be a tuple loss, such as TripletLoss(): got {type(loss).__name__}.\n"
                "  A memory goes around it: CrossBatchMemory(MatryoshkaLoss(...))."
            )
        super().__init__(distance=loss.distance, reduction=loss.reducer, name=name)
        self.loss = loss
        self.widths = tuple(check_whole(width, name="widths", minimum=1) for width in widths)
        if not self.widths:
            raise ValueError("`widths` needs at least one width: got none.\n  Pass some, such as (128, 64, 32).")
        factors = (1.0,) * len(self.widths) if weights is None else tuple(weights)
        if len(factors) != len(self.widths):
            raise ValueError(
                f"`weights` needs one entry per width: got {len(factors)} for {len(self.widths)} widths.\n"
                "  Leave it out to weigh all widths alike."
            )
        hint = "Pass a factor, such as 1."
        self.weights = tuple(check_number(factor, name="weights", at_least=0, hint=hint) for factor in factors)

    @property
    def parts(self) -> tuple[keras.losses.Loss, ...]:
        """The losses inside."""
        return (self.loss,)

    def anchors_of(self, labels: Any, embeddings: Tensor) -> Anchors:
        """Return the anchors of the loss inside, wide enough for every width."""
        width = embeddings.shape[-1]
        if max(self.widths) > width:
            raise ValueError(
                f"`widths` must be at most the width of the embeddings, {width}: got {max(self.widths)}.\n"
                "  Leave the larger ones out, or make the embedding wider."
            )
        return self.loss.anchors_of(labels, embeddings)

    def comparison(self, anchors: Anchors) -> Comparison:
        """Compare the first numbers of rows and keys, for each width, as the loss inside does."""
        parts = [self.loss.comparison(_cut(anchors, width)) for width in self.widths]
        values = sum(weight * part.values for weight, part in zip(self.weights, parts, strict=True))
        anyone = ops.any(ops.stack([part.contributing for part in parts]), axis=0)
        return Comparison(values, anyone, ops.max(ops.stack([part.pairs for part in parts]), axis=0))

    def reduced(self, anchors: Anchors, comparison: Comparison, sample_weight: Any = None) -> Tensor:
        """Return the loss from what its anchors contribute, as the loss inside does."""
        return self.loss.reduced(anchors, comparison, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "widths": list(self.widths),
            "weights": list(self.weights),
            "name": self.name,
        }


def _cut(anchors: Anchors, width: int) -> Anchors:
    rows = anchors.rows[:, :width]
    return anchors._replace(rows=rows, keys=rows if anchors.keys is anchors.rows else anchors.keys[:, :width])
