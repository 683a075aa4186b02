"""One positive and one negative of each anchor: the hardest, the easiest, or the semi-hard one."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.losses.miners.miner import Miner
from keras_similarity.losses.mining import choose_negatives, choose_positives

__all__ = ["BatchEasyHardMiner", "BatchHardMiner", "EasyPositiveMiner", "SemiHardMiner"]

Tensor = Any
POSITIVES = ("all", "easy", "hard")
NEGATIVES = ("all", "easy", "hard", "semi-hard")


@keras.saving.register_keras_serializable(package="keras_similarity")
class BatchEasyHardMiner(Miner):
    """Keeps one positive and one negative of each anchor.

    Args:
        positives: "hard" the farthest, "easy" the nearest, "all" every one.
        negatives: "hard" the nearest, "easy" the farthest, "all" every one, "semi-hard" the nearest that is farther
            than the chosen positive, or the farthest where none is.
        distance: See `Miner`.

    Raises:
        ValueError: an unknown strategy, or "semi-hard" negatives of "all" positives, which are several: that is
            `TripletLoss(positive_mining_strategy="all")`.

    Cost: O(b n) beside the distances.

    Relations: pytorch-metric-learning's `BatchEasyHardMiner`, which drops an anchor without a semi-hard negative.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], "float32")
        >>> masks = pair_masks(keras.ops.array([0, 0, 1, 1]))
        >>> _, negatives = BatchEasyHardMiner(negatives="hard")(x, x, *masks)
        >>> keras.ops.convert_to_numpy(negatives).argmax(axis=1).tolist()
        [3, 3, 1, 1]
    """

    def __init__(
        self, positives: str = "hard", negatives: str = "hard", *, distance: str | Distance | None = None
    ) -> None:
        super().__init__(distance)
        check_choice(positives, POSITIVES, name="positives")
        check_choice(negatives, NEGATIVES, name="negatives")
        if (positives, negatives) == ("all", "semi-hard"):
            raise ValueError(
                "`negatives` cannot be 'semi-hard' for positives='all': each positive has another semi-hard negative.\n"
                "  Use TripletLoss(positive_mining_strategy='all', negative_mining_strategy='semi-hard')."
            )
        self.positives = positives
        self.negatives = negatives

    def choose(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """Return masks with one positive and one negative in each row that has them."""
        kept_positives, kept_negatives = positives, negatives
        chosen = None
        if self.positives != "all":
            chosen = choose_positives(distances, positives, self.positives)
            kept_positives = _only(chosen, positives)
        if self.negatives != "all":
            kept_negatives = _only(choose_negatives(distances, chosen, negatives, self.negatives), negatives)
        return kept_positives, kept_negatives

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"positives": self.positives, "negatives": self.negatives}


class _Preset(BatchEasyHardMiner):
    """A strategy under its own name."""

    _strategies = ("hard", "hard")

    def __init__(self, *, distance: str | Distance | None = None) -> None:
        super().__init__(*self._strategies, distance=distance)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return Miner.get_config(self)


@keras.saving.register_keras_serializable(package="keras_similarity")
class BatchHardMiner(_Preset):
    """The farthest positive and the nearest negative of each anchor.

    Args:
        distance: See `Miner`.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[0.0], [1.0], [5.0], [3.0], [8.0]], "float32")
        >>> masks = BatchHardMiner(distance="euclidean")(x, x, *pair_masks(ops.array([0, 0, 0, 1, 1])))
        >>> [ops.convert_to_numpy(mask)[0].nonzero()[0].tolist() for mask in masks]  # of the first row, at 0
        [[2], [3]]

    References:
        Hermans et al., In Defense of the Triplet Loss for Person Re-Identification, 2017, arXiv:1703.07737, eq. (5).
    """

    _strategies = ("hard", "hard")


@keras.saving.register_keras_serializable(package="keras_similarity")
class SemiHardMiner(_Preset):
    """The farthest positive, and the nearest negative that is farther still; the farthest one where none is.

    Args:
        distance: See `Miner`.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[0.0], [1.0], [5.0], [3.0], [8.0]], "float32")
        >>> masks = SemiHardMiner(distance="euclidean")(x, x, *pair_masks(ops.array([0, 0, 0, 1, 1])))
        >>> [ops.convert_to_numpy(mask)[0].nonzero()[0].tolist() for mask in masks]  # of the first row, at 0
        [[2], [4]]

    References:
        Schroff et al., FaceNet, 2015, arXiv:1503.03832, eq. (4).
    """

    _strategies = ("hard", "semi-hard")


@keras.saving.register_keras_serializable(package="keras_similarity")
class EasyPositiveMiner(_Preset):
    """The nearest positive, and the nearest negative that is farther than it.

    For classes of several kinds: an anchor is pulled to the items of its own kind only.

    Args:
        distance: See `Miner`.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.array([[0.0], [1.0], [5.0], [3.0], [8.0]], "float32")
        >>> masks = EasyPositiveMiner(distance="euclidean")(x, x, *pair_masks(ops.array([0, 0, 0, 1, 1])))
        >>> [ops.convert_to_numpy(mask)[0].nonzero()[0].tolist() for mask in masks]  # of the first row, at 0
        [[1], [3]]

    References:
        Xuan et al., Improved Embeddings with Easy Positive Triplet Mining, 2020, arXiv:1904.04370.
    """

    _strategies = ("easy", "semi-hard")


def _only(index: Tensor, mask: Tensor) -> Tensor:
    """The entry of each row with this index, where the mask has it."""
    here = ops.equal(ops.arange(ops.shape(mask)[1])[None, :], ops.cast(index, "int32")[:, None])
    return ops.logical_and(mask, here)
