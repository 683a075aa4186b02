"""Pairs on the wrong side of a threshold."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.miners.miner import Miner

__all__ = ["PairMarginMiner"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class PairMarginMiner(Miner):
    """Keeps positives farther than one distance, and negatives nearer than another.

    Args:
        positive_margin: Positives at most so far away are left out.
        negative_margin: Negatives at least so far away are left out.
        distance: See `Miner`; the unit of both.

    Raises:
        ValueError: a margin that is no number.

    Cost: O(b n) beside the distances.

    Relations: pytorch-metric-learning's `PairMarginMiner(pos_margin, neg_margin)`.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], "float32")
        >>> masks = pair_masks(keras.ops.array([0, 0, 1, 1]))
        >>> _, negatives = PairMarginMiner(negative_margin=0.1)(x, x, *masks)
        >>> keras.ops.convert_to_numpy(negatives).sum(axis=1).tolist()
        [0, 1, 0, 1]
    """

    def __init__(
        self,
        positive_margin: float = 0.2,
        negative_margin: float = 0.8,
        *,
        distance: str | Distance | None = None,
    ) -> None:
        super().__init__(distance)
        hint = "Pass a distance, such as 0.2 and 0.8."
        self.positive_margin = check_number(positive_margin, name="positive_margin", hint=hint)
        self.negative_margin = check_number(negative_margin, name="negative_margin", hint=hint)

    def choose(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pairs beyond the margins."""
        return (
            ops.logical_and(positives, distances > self.positive_margin),
            ops.logical_and(negatives, distances < self.negative_margin),
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("positive_margin", "negative_margin")
        return super().get_config() | {key: getattr(self, key) for key in keys}
