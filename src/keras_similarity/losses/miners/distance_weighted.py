"""Negatives drawn so that all distances are met equally often, in proportion to how rare a distance is."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number, check_whole
from keras_similarity.core.distances import Distance
from keras_similarity.losses.miners.miner import Miner
from keras_similarity.losses.sphere import draw_logits
from keras_similarity.ops import pairwise_distances, unit_rows
from keras_similarity.ops.reductions import FAR

__all__ = ["DistanceWeightedMiner"]

Tensor = Any
# An entry of a row modulo 256, in steps of 2^-14: fine enough for a step of training to move it, coarse enough for half
# precision to have such digits. Powers of 2 make this exact: no compiler, and no size of chunks, rounds it otherwise.
PERIOD, STEPS = 2**8, 2**22
PRIME = 32749  # the largest below 2^15: products of two remainders fit int32


@keras.saving.register_keras_serializable(package="keras_similarity")
class DistanceWeightedMiner(Miner):
    """Keeps every positive of an anchor, and as many negatives, drawn by the inverse density of their distance.

    Distances are Euclidean between rows of unit length. Most random points of a sphere lie near √2 from each other;
    drawing uniformly would hardly ever meet a near one.

    Args:
        cutoff: Negatives nearer than this are no likelier than at it, above 0 and at most 1.99.
        nonzero_loss_cutoff: Negatives at least so far away are never drawn: beyond β + α they cost the margin loss
            nothing.
        seed: Of the draws. They depend on it and on the batch: the same batch gives the same draw, in chunks or not.

    Raises:
        ValueError: a number out of its range, or a seed that is no whole number.

    Cost: O(b n) beside the distances, and a sort of each row.

    Relations: pytorch-metric-learning's `DistanceWeightedMiner`, with the cap of the paper at both ends.
        `MarginLoss(cutoff=…)` weighs all negatives by these chances instead of drawing.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> x = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
        >>> masks = pair_masks(keras.ops.array([0, 0, 0, 1, 1, 1]))
        >>> _, negatives = DistanceWeightedMiner(nonzero_loss_cutoff=2)(x, x, *masks)
        >>> keras.ops.convert_to_numpy(negatives).sum(axis=1).tolist()
        [2, 2, 2, 2, 2, 2]

    References:
        Wu et al., Sampling Matters in Deep Embedding Learning, 2017, arXiv:1706.07567, eqs. (5) and (6).
    """

    def __init__(self, cutoff: float = 0.5, nonzero_loss_cutoff: float = 1.4, *, seed: int = 0) -> None:
        super().__init__("euclidean")
        self.cutoff = check_number(cutoff, name="cutoff", above=0, at_most=1.99, hint="The paper uses 0.5.")
        self.nonzero_loss_cutoff = check_number(
            nonzero_loss_cutoff, name="nonzero_loss_cutoff", above=0, hint="The authors use 1.4; 2 is every distance."
        )
        self.seed = check_whole(seed, name="seed", minimum=0)

    def mine(
        self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor, distance: Distance
    ) -> tuple[Tensor, Tensor]:
        """Return all positives and the drawn negatives."""
        distances = pairwise_distances(unit_rows(rows), unit_rows(keys), distance)
        possible = ops.logical_and(negatives, distances < self.nonzero_loss_cutoff)
        # The largest of logit + Gumbel noise is a draw; the m largest are m draws without putting back.
        noise = ops.cast(_gumbel(rows, ops.shape(keys)[0], self.seed), distances.dtype)
        keyed = draw_logits(distances, self.cutoff, rows.shape[1]) + noise
        keyed = ops.where(possible, keyed, -FAR)
        wanted = ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
        ascending = ops.sort(keyed, axis=1)
        last = ops.maximum(ops.shape(keyed)[1] - wanted, 0)
        limit = ops.take_along_axis(ascending, ops.minimum(last, ops.shape(keyed)[1] - 1), axis=1)
        chosen = ops.logical_and(keyed >= limit, wanted > 0)
        return positives, ops.logical_and(possible, chosen)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        keys = ("cutoff", "nonzero_loss_cutoff", "seed")
        return {key: getattr(self, key) for key in keys}


def _gumbel(rows: Tensor, count: int | Tensor, seed: int) -> Tensor:
    """Noise `(b, count)` that is another for each batch, although nothing is kept from one batch to the next.

    Every key has a fixed random number, and every row multiplies them, modulo a prime, by a number of its own that its
    entries give. A row's noise is thus the same whichever rows are mined beside it.
    """
    periods: Tensor = ops.cast(rows, "float32") / PERIOD
    steps = ops.cast(STEPS * (periods - ops.floor(periods)), "int32")
    total: Tensor = ops.sum(ops.mod(steps, PRIME - 1), axis=1, keepdims=True)
    remainder: Tensor = ops.mod(total, PRIME - 1)
    own = 1 + remainder  # never 0, which would make all of a row's noise the same
    fixed = keras.random.randint((1, count), 1, PRIME, dtype="int32", seed=seed)
    turned = ops.cast(ops.mod(own * fixed, PRIME), "float32")  # from 1 to PRIME − 1
    return -ops.log(-ops.log(turned / PRIME))
