"""Triplets in which the angle at the negative is too wide."""

import math
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.miners.miner import Miner
from keras_similarity.ops import each_positive, pairwise_distances, unit_rows

__all__ = ["AngularMiner"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class AngularMiner(Miner):
    """Keeps the pairs of the triplets whose angle at the negative is wider than a limit.

    The angle is that of the angular loss: with c the middle of anchor and positive, tan θ = |a − p| / (2 |n − c|),
    on rows of unit length. A positive is kept when some negative makes a triplet of it, and a negative likewise.

    Args:
        angle: The limit in degrees, above 0 and below 90.

    Raises:
        ValueError: an angle outside its range.

    Cost: O(b n · largest class) time, a few (b, n) matrices and the (n, n) distances of the keys.

    Relations: pytorch-metric-learning's `AngularMiner(angle)` keeps triplets, of which these are the pairs.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]], "float32")
        >>> masks = pair_masks(keras.ops.array([0, 0, 1, 2]))
        >>> _, negatives = AngularMiner(angle=20)(x, x, *masks)
        >>> keras.ops.convert_to_numpy(negatives).sum(axis=1).tolist()
        [1, 1, 0, 0]

    References:
        Wang et al., Deep Metric Learning with Angular Loss, 2017, arXiv:1708.01682, eq. (4).
    """

    def __init__(self, angle: float = 20.0) -> None:
        super().__init__("squared_euclidean")
        self.angle = check_number(angle, name="angle", above=0, at_most=89.9, hint="Pass degrees, such as 20.")

    def mine(
        self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor, distance: Distance
    ) -> tuple[Tensor, Tensor]:
        """Return the pairs of the wide triplets."""
        rows, keys = unit_rows(rows), unit_rows(keys)
        squares, between_keys = pairwise_distances(rows, keys, distance), pairwise_distances(keys, keys, distance)
        slope = math.tan(math.radians(self.angle)) ** 2

        def look(here: Tensor, kept: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            near: Tensor = ops.sum(ops.where(here, squares, 0.0), axis=1, keepdims=True)
            swapped: Tensor = ops.take(between_keys, ops.argmax(ops.cast(here, "int32"), axis=1), axis=0)
            # Four times the squared distance of the negative to the middle (Apollonius).
            reach = 2.0 * squares + 2.0 * swapped - near
            wide = ops.logical_and(negatives, near > slope * reach)
            wide = ops.logical_and(wide, ops.any(here, axis=1, keepdims=True))
            found = ops.logical_and(here, ops.any(wide, axis=1, keepdims=True))
            return ops.logical_or(kept[0], found), ops.logical_or(kept[1], wide)

        nothing = ops.zeros_like(positives)
        return each_positive(look, (nothing, nothing), positives)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"angle": self.angle}
