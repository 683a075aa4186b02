"""How to get one value per anchor out of pytorch-metric-learning 2.9, for `pml_rows`.

A row's two functions take a `Batch` and return one value per anchor (or a scalar). PML's losses run with a
DoNothingReducer, and their raw terms are averaged per anchor; NaN marks an anchor that PML's miner drops.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from pytorch_metric_learning import distances, losses, miners, reducers

from . import similarities, softmaxes

# PML's distances normalise the rows unless told not to.
EUCLIDEAN = distances.LpDistance(normalize_embeddings=False)
SQUARED = distances.LpDistance(normalize_embeddings=False, power=2)
MANHATTAN = distances.LpDistance(normalize_embeddings=False, p=1)
SNR = distances.SNRDistance(normalize_embeddings=False)
COSINE = distances.CosineSimilarity()
DOTS = distances.DotProductSimilarity(normalize_embeddings=False)
MEAN, PER_ANCHOR, BY_HAND = "MeanReducer", "PerAnchorReducer", "per anchor, by hand"


class Batch(NamedTuple):
    """Labels, rows of any norm, class weights (C, d) and centres (C, k, d)."""

    labels: list[int]
    rows: np.ndarray
    weights: np.ndarray
    centers: np.ndarray

    @property
    def tensors(self):
        return torch.tensor(self.rows), torch.tensor(self.labels)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    peer: str
    reducer: str
    oracle: Callable[[Batch], Any]
    value: Callable[[Batch], Any]


def per_anchor(loss, batch, mined=None, unit_rows=False, reducer=BY_HAND):
    """Average the raw terms of a PML loss over each anchor; sub-losses add up. `reducer` must give their mean."""
    x, y = batch.tensors
    x = torch.nn.functional.normalize(x) if unit_rows else x
    loss.reducer = reducers.DoNothingReducer()
    parts = loss(x, y, mined)
    total = np.zeros(len(y))
    for part in parts.values():
        terms, indices = part["losses"].detach().flatten().numpy(), part["indices"]
        anchor = (indices[0] if isinstance(indices, tuple) else indices).numpy()
        for i in range(len(y)):
            total[i] += terms[anchor == i].mean() if (anchor == i).any() else np.nan
    if reducer != BY_HAND:
        loss.reducer = reducers.MultipleReducers({name: getattr(reducers, reducer)() for name in parts})
        assert abs(loss(x, y, mined).item() - total.mean()) < 1e-9, type(loss)
    return total


def mined_by(distance, positives, negatives):
    miner = miners.BatchEasyHardMiner(positives, negatives.replace("-", ""), distance=distance)
    return lambda batch: miner(*batch.tensors)


def with_weights(loss, name, weights):
    """Set the parameter of a PML head, whose layout is rows × classes or classes × rows."""
    getattr(loss, name).data = torch.tensor(weights)
    return loss


def margin_of_anchor(batch, mined):
    """PML's MarginLoss on the triplets of one anchor at a time: its divisor is then that anchor's."""
    loss, x, y = losses.MarginLoss(), *batch.tensors
    return np.array([loss(x, y, tuple(index[mined[0] == i] for index in mined)).item() for i in range(len(y))])


def all_triplets(batch):
    y = np.array(batch.labels)
    same = y[:, None] == y[None]
    a, p, n = np.nonzero((same & ~np.eye(len(y), dtype=bool))[:, :, None] & ~same[:, None, :])
    return torch.tensor(a), torch.tensor(p), torch.tensor(n)


def four_and_lone(batch):
    """The first rows of a batch as one class of four and three lone items: three positives and three negatives."""
    return batch._replace(labels=[0, 0, 0, 0, 1, 2, 3], rows=batch.rows[:7])


def zipped_triplets():
    """Triplets of the class of four in which each positive and each negative of an anchor is seen once."""
    found = [(a, p, n) for a in range(4) for p, n in zip([j for j in range(4) if j != a], (4, 5, 6), strict=True)]
    return tuple(torch.tensor(found).T)


def uniform_weights(batch):
    y = np.array(batch.labels)
    different = y[:, None] != y[None]
    return different / different.sum(axis=1, keepdims=True)


def n_pairs_oracle(batch):
    """Evaluate the oracle on what NPairsLoss looks at: an anchor of each class, and one positive of every class."""
    pairs = {}
    for i, label in enumerate(batch.labels):
        pairs.setdefault(label, []).append(i)
    values = []
    for label in sorted(pairs):
        chosen = [pairs[label][0], *(pairs[c][1] for c in sorted(pairs))]
        values.append(similarities.n_pairs([batch.labels[i] for i in chosen], batch.rows[chosen])[0])
    return np.array(values)


def n_pairs_value(batch):
    loss = losses.NPairsLoss(distance=DOTS, reducer=reducers.DoNothingReducer())
    return loss(*batch.tensors)["loss"]["losses"].numpy()


def ranked_list_rescaled(batch, **settings):
    """PML's two parts with the 1e-5 per item taken out of their denominators again."""
    x, y = batch.tensors
    d = torch.cdist(*[torch.nn.functional.normalize(x)] * 2).numpy()
    same = (y[:, None] == y[None]).numpy() & ~np.eye(len(y), dtype=bool)
    alpha, margin = 1 + settings["margin"] / 2, settings["margin"]
    w_p = (same & (d > alpha - margin)) * np.exp(settings["Tp"] * (d - (alpha - margin)))
    w_n = ((y[:, None] != y[None]).numpy() & (d < alpha)) * np.exp(settings["Tn"] * (alpha - d))
    parts = []
    for imbalance, weight in ((0.0, w_p.sum(axis=1)), (1.0, w_n.sum(axis=1))):
        part = per_anchor(losses.RankedListLoss(imbalance=imbalance, **settings), batch)
        parts.append(part * (weight + len(y) * 1e-5) / np.where(weight > 0, weight, 1.0))
    return (parts[0] + parts[1]) / 2


def info_nce_value(batch, symmetric, masked):
    """PML's NTXentLoss with queries and keys as embeddings and ref_emb, one positive each; the mean of two runs."""
    x, y = batch.tensors
    keys = x.flip(1) + 0.5 * x
    diagonal = torch.arange(len(y))
    a, n = torch.nonzero(y[:, None] != y[None] if masked else diagonal[:, None] != diagonal[None], as_tuple=True)
    loss = losses.NTXentLoss(reducer=reducers.DoNothingReducer())
    directions = [(x, keys), (keys, x)] if symmetric else [(x, keys)]
    runs = [loss(q, y, (diagonal, diagonal, a, n), k, y)["loss"]["losses"].numpy() for q, k in directions]
    return sum(runs) / len(runs)


def info_nce_oracle(batch, symmetric, masked):
    keys = batch.rows[:, ::-1] + 0.5 * batch.rows
    return softmaxes.info_nce(batch.rows, keys, batch.labels if masked else None, symmetric=symmetric)


def captured_weights(batch):
    """Return the weights that PML's DistanceWeightedMiner samples by, caught on their way to the sampler."""
    caught = {}

    def keep(labels, ref_labels=None, t_per_anchor=None, weights=None):
        caught["weights"] = weights
        return labels[:0], labels[:0], labels[:0]

    with mock.patch("pytorch_metric_learning.utils.loss_and_miner_utils.get_random_triplet_indices", keep):
        miners.DistanceWeightedMiner()(*batch.tensors)
    return caught["weights"].numpy()


def pair_mask(batch):
    mask = np.zeros((2, len(batch.labels), len(batch.labels)))
    a, p, b, n = miners.MultiSimilarityMiner(epsilon=0.1)(*batch.tensors)
    mask[0, a, p] = mask[1, b, n] = 1
    return mask


def choice(batch, positives, negatives):
    """PML's choice (2, b) of positives and negatives; NaN for the anchors it drops."""
    a, p, _, n = mined_by(EUCLIDEAN, positives, negatives)(batch)
    result = np.full((2, len(batch.labels)), np.nan)
    result[0, a], result[1, a] = p, n
    return result


def multi_similarity(batch, epsilon, distance=COSINE, base=0.5):
    mined = miners.MultiSimilarityMiner(epsilon=epsilon, distance=distance)(*batch.tensors) if epsilon else None
    return per_anchor(losses.MultiSimilarityLoss(alpha=2, beta=40, base=base, distance=distance), batch, mined)


def adjacent(batch, classes, size):
    """The first rows of a batch under labels of adjacent classes of equal size, as SmoothAPLoss needs."""
    labels = [c for c in range(classes) for _ in range(size)]
    return batch._replace(labels=labels, rows=batch.rows[: len(labels)])


def circle_loss():
    """PML's CircleLoss without the shortcut of torch, whose softplus(x) is x above 20."""
    loss = losses.CircleLoss()
    loss.soft_plus = torch.nn.Softplus(threshold=700)
    return loss


def subcenter(batch, degrees):
    classes, k, width = batch.centers.shape
    loss = losses.SubCenterArcFaceLoss(num_classes=classes, embedding_size=width, margin=degrees, sub_centers=k)
    return with_weights(loss, "W", batch.centers.reshape(classes * k, width).T)


def soft_triple(batch):
    classes, k, width = batch.centers.shape
    loss = losses.SoftTripleLoss(classes, width, centers_per_class=k)
    return with_weights(loss, "fc", batch.centers.reshape(classes * k, width).T)
