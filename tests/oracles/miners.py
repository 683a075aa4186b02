"""Which pairs and triplets a loss looks at: indices, masks and sampling weights."""

import math

import numpy as np

from .pairs import anchors, distance_matrix, negatives, squared_euclidean, unit


def chosen_positives(row, positive, strategy):
    """Return the positives of one anchor that a strategy picks, given the anchor's row of distances.

    hard: the farthest. easy: the nearest. all: every one. Ties go to the lowest index.
    """
    if strategy == "hard":
        return [max(positive, key=lambda j: row[j])]
    if strategy == "easy":
        return [min(positive, key=lambda j: row[j])]
    if strategy == "all":
        return list(positive)
    raise ValueError(strategy)


def chosen_negatives(row, p, negative, strategy):
    """Return the negatives of one anchor that a strategy picks once the positive p is chosen.

    hard: the nearest. easy: the farthest. all: every one.
    semi-hard (FaceNet, arXiv:1503.03832 eq 4): the nearest among those strictly farther than p, d_an > d_ap; when
    there is none, the farthest negative, which is then the one that comes closest to being farther than p.
    There is no upper limit such as d_an < d_ap + margin: the hinge cuts those off. Ties go to the lowest index.
    """
    if strategy == "hard":
        return [min(negative, key=lambda j: row[j])]
    if strategy == "easy":
        return [max(negative, key=lambda j: row[j])]
    if strategy == "all":
        return list(negative)
    if strategy == "semi-hard":
        farther = [j for j in negative if row[j] > row[p]]
        return [min(farther, key=lambda j: row[j])] if farther else [max(negative, key=lambda j: row[j])]
    raise ValueError(strategy)


def triplets(labels, embeddings, distance, positives, negatives):
    """Return the list of (anchor, positive, negative) that two strategies pick, ordered by anchor."""
    d = distance_matrix(distance, embeddings)
    result = []
    for i, positive, negative in anchors(labels):
        for p in chosen_positives(d[i], positive, positives):
            for n in chosen_negatives(d[i], p, negative, negatives):
                result.append((i, p, n))
    return result


def choices(labels, embeddings, distance, positives, negatives):
    """Return (positive index, negative index) of each anchor, two (b,); −1 where an anchor lacks either kind."""
    positive_index = np.full(len(labels), -1)
    negative_index = np.full(len(labels), -1)
    for i, p, n in triplets(labels, embeddings, distance, positives, negatives):
        positive_index[i], negative_index[i] = p, n
    return positive_index, negative_index


def batch_hard(labels, embeddings, distance="euclidean"):
    """Farthest positive and nearest negative of each anchor (arXiv:1703.07737 eq 5); see `choices`."""
    return choices(labels, embeddings, distance, "hard", "hard")


def semi_hard(labels, embeddings, distance="euclidean", positives="hard"):
    """One positive and its semi-hard negative for each anchor (arXiv:1503.03832 eq 4); see `chosen_negatives`."""
    return choices(labels, embeddings, distance, positives, "semi-hard")


def easy_positive(labels, embeddings, distance="euclidean", negatives="semi-hard"):
    """Nearest positive of each anchor, and a negative (arXiv:1904.04370: easy positive, semi-hard negative)."""
    return choices(labels, embeddings, distance, "easy", negatives)


def multi_similarity_mask(labels, embeddings, epsilon=0.1, distance="cosine"):
    """Pairs that the multi-similarity loss keeps: (positives, negatives), two boolean (b, b).

    arXiv:1904.06627 eq 8 and 9, with similarity s = −distance (adding a constant changes nothing):
        keep negative n:  s_in > min over the positives p of s_ip  − ε
        keep positive p:  s_ip < max over the negatives n of s_in  + ε
    Both minimum and maximum are over the unmined pairs, and both comparisons are strict. Rows of anchors that lack
    positives or negatives are all False.
    """
    d = distance_matrix(distance, embeddings)
    kept_positives = np.zeros(d.shape, dtype=bool)
    kept_negatives = np.zeros(d.shape, dtype=bool)
    for i, positive, negative in anchors(labels):
        farthest_positive = max(d[i, p] for p in positive)
        nearest_negative = min(d[i, n] for n in negative)
        for p in positive:
            kept_positives[i, p] = d[i, p] > nearest_negative - epsilon
        for n in negative:
            kept_negatives[i, n] = d[i, n] < farthest_positive + epsilon
    return kept_positives, kept_negatives


def distance_weighted(labels, embeddings, cutoff=0.5, nonzero_loss_cutoff=None):
    """Probability of each negative under distance-weighted sampling, (b, b); each row sums to 1 over its negatives.

    arXiv:1706.07567 eq 5 and 6: Euclidean distances between random points of the unit sphere in n dimensions have
        density  q(d) ∝ d^(n−2) (1 − d²/4)^((n−3)/2)      and      P(negative j of i) ∝ min(λ, 1 / q(d_ij)).
    λ = 1 / q(cutoff). Rows are normalised to unit length here. Entries of positives and of the anchor are 0; rows of
    anchors without negatives are 0; positives are not needed.

    min(λ, 1/q) caps both ends: d < cutoff, and (for n > 3) d near 2, where 1/q grows again. pytorch-metric-learning
    and the authors' MXNet code raise d to at least the cutoff instead, which leaves the far end uncapped, but give
    weight 0 to d ≥ nonzero_loss_cutoff = 1.4 (= β + α of the margin loss, beyond which a negative costs nothing):
    with that cutoff on, both are the same. None is the paper. A row whose negatives are all beyond it is 0.
    """
    x = unit(embeddings)
    n = x.shape[1]

    def log_inverse_density(distance):
        gap = max(1.0 - distance**2 / 4.0, 1e-300)
        return -(n - 2) * math.log(max(distance, 1e-300)) - (n - 3) / 2 * math.log(gap)

    weights = np.zeros((len(labels), len(labels)))
    for i in range(len(labels)):
        for j in negatives(labels, i):
            d = math.sqrt(squared_euclidean(x[i], x[j]))
            if nonzero_loss_cutoff is None or d < nonzero_loss_cutoff:
                capped = min(log_inverse_density(cutoff), log_inverse_density(d))
                weights[i, j] = math.exp(capped - log_inverse_density(cutoff))
        if weights[i].sum() > 0:
            weights[i] = weights[i] / weights[i].sum()
    return weights
