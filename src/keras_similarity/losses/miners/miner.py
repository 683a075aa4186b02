"""What every miner is: a choice among the pairs of a batch, as masks of fixed shape."""

from typing import Any

from keras import ops

from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.ops import pairwise_distances

__all__ = ["Miner"]

Tensor = Any


class Miner:
    """Chooses which pairs a loss compares; goes with any loss: `TripletLoss(miner=BatchHardMiner())`.

    A miner has no gradient. An anchor that it leaves without a positive or a negative counts no more than one that
    never had any.

    Args:
        distance: Name or `Distance` to choose by; None for the loss's own.

    A subclass gives `choose`, or `mine` where it needs more than distances. Register it with
    `keras.saving.register_keras_serializable`, so that a loss that holds it can be saved.

    Example:
        >>> from keras_similarity.ops import pair_masks
        >>> class NearNegatives(Miner):
        ...     def choose(self, distances, positives, negatives):
        ...         return positives, ops.logical_and(negatives, distances < 2)
        >>> x = np.array([[0.0], [3.0], [4.0], [9.0]], "float32")
        >>> _, negatives = NearNegatives("euclidean")(x, x, *pair_masks(ops.array([0, 0, 1, 1])))
        >>> ops.convert_to_numpy(negatives).sum(axis=1).tolist()
        [0, 1, 1, 0]
    """

    def __init__(self, distance: str | Distance | None = None) -> None:
        self.distance = None if distance is None else get_distance(distance)

    def choose(self, distances: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """Return the chosen positives and negatives, two boolean `(b, n)`.

        Args:
            distances: `(b, n)`, without gradient.
            positives, negatives: The pairs to choose among, boolean `(b, n)`.
        """
        raise NotImplementedError(f"{type(self).__name__} needs `choose`.")

    def mine(
        self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor, distance: Distance
    ) -> tuple[Tensor, Tensor]:
        """Return the chosen pairs, from rows `(b, d)` and keys `(n, d)` without gradient."""
        return self.choose(pairwise_distances(rows, keys, distance), positives, negatives)

    def __call__(
        self, rows: Tensor, keys: Tensor, positives: Tensor, negatives: Tensor, distance: str | Distance = "cosine"
    ) -> tuple[Tensor, Tensor]:
        """Choose among the pairs of anchors and keys; `distance` is the loss's."""
        found = self.distance or get_distance(distance)
        still, still_keys = (ops.stop_gradient(ops.convert_to_tensor(part)) for part in (rows, keys))
        return self.mine(still, still_keys, positives, negatives, found)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return {"distance": None if self.distance is None else self.distance.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Miner":
        """Rebuild a miner."""
        return cls(**config)
