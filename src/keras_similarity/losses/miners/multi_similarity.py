"""Pairs that are harder than the hardest pair of the other kind, give or take a margin."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.miners.miner import Miner
from keras_similarity.ops import masked_max, masked_min

__all__ = ["MultiSimilarityMiner"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class MultiSimilarityMiner(Miner):
    """Keeps positives farther than the nearest negative less ε, and negatives nearer than the farthest positive plus ε.

    Args:
        epsilon: ε ≥ 0, in units of the distance.
        distance: See `Miner`.

    Raises:
        ValueError: ε below 0.

    Cost: O(b n) beside the distances.

    Relations: `MultiSimilarityLoss(epsilon=ε)` has it built in, where it costs less.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.5, 0.5]], "float32")
        >>> masks = pair_masks(keras.ops.array([0, 0, 1, 1]))
        >>> positives, _ = MultiSimilarityMiner(epsilon=0.1)(x, x, *masks)
        >>> keras.ops.convert_to_numpy(positives).any(axis=1).tolist()
        [False, False, False, True]

    References:
        Wang et al., Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning, 2019,
        arXiv:1904.06627, eqs. (8) and (9).
    """

    def __init__(self, epsilon: float = 0.1, *, distance: str | Distance | None = None) -> None:
        super().__init__(distance)
        self.epsilon = check_number(epsilon, name="epsilon", at_least=0, hint="The paper uses 0.1.")

    def choose(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pairs beyond the limits, both of which look at the unmined pairs."""
        nearest_negative = masked_min(distances, negatives)[:, None]
        farthest_positive = masked_max(distances, positives)[:, None]
        return (
            ops.logical_and(positives, distances > nearest_negative - self.epsilon),
            ops.logical_and(negatives, distances < farthest_positive + self.epsilon),
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"epsilon": self.epsilon}
