"""InfoNCE: each query points at its own key among those of the batch."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.comparison import Anchors
from keras_similarity.losses.nt_xent import NTXentLoss

__all__ = ["InfoNCELoss", "MultiNegativesRankLoss", "info_nce", "multi_negatives_rank"]

Tensor = Any


def info_nce(
    labels: Any,
    embeddings: Tensor,
    *,
    distance: str | Distance = "cosine",
    temperature: float = 0.07,
    symmetric: bool = False,
) -> Tensor:
    """InfoNCE, also called multiple-negatives ranking, one value per query.

    Definition, with s = −d / temperature, query i and key i two views of one item:
        L_i = −log(exp(s_ii) / (exp(s_ii) + Σ_n exp(s_in))),        n over the keys of other labels
        Where a label has several keys, the mean of this over all of them in the place of key i.
        symmetric: the mean of this and of the same with queries and keys exchanged.

    Args:
        labels: `(b,)`; see `MetricLoss`. Give each item a label of its own, such as its number, where every other key
            is a negative.
        embeddings: Queries and keys `(b, 2, d)`, any norm; or one view `(b, d)`, whose positives are the other rows
            of a label, as in `nt_xent`.
        distance: Name or `Distance`; "inner_product" behind a `LearnedTemperature` layer learns the temperature.
        temperature: τ > 0, in units of the distance.
        symmetric: Whether keys point at queries too, as in CLIP. Without effect for one view, where they always do, and
            inside `CrossBatchMemory`, whose keys have no queries.

    Returns:
        `(b,)`, float32 or wider. A query without a negative gives exactly 0.

    Raises:
        ValueError: wrong shapes, an unknown distance, or a temperature that is not above 0.

    Cost: O(b² d) time, a few (b, b) matrices; `chunk_size` bounds them.

    Relations: `multi_negatives_rank` is this with inner products at temperature 1/20. Several views of an item in one
        set of rows: `nt_xent` and `supcon`.

    Example:
        >>> views = np.array([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [-0.8, 0.6]]])
        >>> [f"{float(value):.3f}" for value in info_nce([0, 1], views, temperature=0.5)]
        ['0.059', '0.913']

    References:
        van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018, arXiv:1807.03748,
        eq. (4). Radford et al., CLIP, 2021, arXiv:2103.00020, figure 3: symmetric.
    """
    loss = InfoNCELoss(distance, temperature, symmetric=symmetric, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


def multi_negatives_rank(
    labels: Any, embeddings: Tensor, *, distance: str | Distance = "inner_product", scale: float = 20.0
) -> Tensor:
    """Multiple-negatives ranking, one value per query: `info_nce` with inner products and a temperature of 1 / scale.

    Args:
        labels, embeddings, distance: See `info_nce`.
        scale: What the similarities are multiplied with, > 0.

    Returns:
        `(b,)`; the softmax's cross-entropy, without TensorFlow Similarity's further 1 under the logarithm.

    Raises:
        ValueError: see `info_nce`.

    Example:
        >>> views = np.array([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [-0.8, 0.6]]])
        >>> [f"{float(value):.3f}" for value in multi_negatives_rank([0, 1], views, scale=2)]
        ['0.059', '0.913']

    References:
        Henderson et al., Efficient Natural Language Response Suggestion for Smart Reply, 2017, arXiv:1705.00652,
        section 4.4.
    """
    loss = MultiNegativesRankLoss(distance, scale, reduction="none")
    return loss(labels, ops.convert_to_tensor(embeddings))


@keras.saving.register_keras_serializable(package="keras_similarity")
class InfoNCELoss(NTXentLoss):
    """The mean of `info_nce` over the queries that have a negative.

    Args:
        distance, temperature, symmetric: See `info_nce`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> views = np.array([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [-0.8, 0.6]]])
        >>> f"{float(InfoNCELoss(temperature=0.5)([0, 1], views)):.3f}"
        '0.486'
    """

    def __init__(
        self,
        distance: str | Distance = "cosine",
        temperature: float = 0.07,
        *,
        symmetric: bool = False,
        reduction: str | None = "mean",
        name: str | None = "info_nce_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance, temperature, reduction=reduction, name=name, **kwargs)
        self.symmetric = bool(symmetric)

    def directions(self, anchors: Anchors) -> tuple[Anchors, ...]:
        """Return queries among keys, and where that is asked for keys among queries."""
        if anchors.among_keys or anchors.present is not None or not self.symmetric:
            return (anchors,)
        return anchors, anchors._replace(rows=anchors.keys, keys=anchors.rows)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"symmetric": self.symmetric}


@keras.saving.register_keras_serializable(package="keras_similarity")
class MultiNegativesRankLoss(InfoNCELoss):
    """The mean of `multi_negatives_rank` over the queries that have a negative.

    Args:
        distance, scale: See `multi_negatives_rank`.
        symmetric: See `info_nce`.
        reduction, name, **kwargs: See `MetricLoss`.

    Example:
        >>> views = np.array([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [-0.8, 0.6]]])
        >>> f"{float(MultiNegativesRankLoss(scale=2)([0, 1], views)):.3f}"
        '0.486'
    """

    def __init__(
        self,
        distance: str | Distance = "inner_product",
        scale: float = 20.0,
        *,
        symmetric: bool = False,
        reduction: str | None = "mean",
        name: str | None = "multi_negatives_rank_loss",
        **kwargs: Any,
    ) -> None:
        self.scale = check_number(scale, name="scale", above=0, hint="20 is usual.")
        settings = {"symmetric": symmetric, "reduction": reduction, "name": name}
        super().__init__(distance, 1.0 / self.scale, **settings, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        config = super().get_config() | {"scale": self.scale}
        del config["temperature"]  # the same once more
        return config
