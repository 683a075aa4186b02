"""Losses over triplets of an anchor, a positive and a negative."""

import numpy as np

from . import miners
from .pairs import distance_matrix, mean, relu, softplus


def triplet(labels, embeddings, distance="cosine", positives="hard", negatives="semi-hard", margin=0.1, swap=False):
    """Triplet loss, averaged over the chosen triplets of an anchor.

    FaceNet, arXiv:1503.03832 eq 3; soft margin and batch-hard: arXiv:1703.07737 eq 5:
        relu(d_ap − d_an + margin),        or with margin None        log(1 + exp(d_ap − d_an))
    Which p and n: `miners.chosen_positives` and `miners.chosen_negatives`. With "all", the plain mean over the chosen
    triplets of the anchor, zero hinges included (arXiv:1703.07737 calls the mean over non-zero ones L_BA≠0).
    positives="all" with one negative strategy chooses a negative for each positive.
    swap (Balntas et al., BMVC 2016): d_an becomes min(d_an, d_pn), after n was chosen by d_an. In an asymmetric
    distance (snr), d_pn has the positive as its query.
    Distances are not squared, unlike FaceNet's; use "squared_euclidean" for its numbers.
    """
    d = distance_matrix(distance, embeddings)
    terms = [[] for _ in labels]
    for i, p, n in miners.triplets(labels, embeddings, distance, positives, negatives):
        negative_distance = min(d[i, n], d[p, n]) if swap else d[i, n]
        difference = d[i, p] - negative_distance
        terms[i].append(softplus(difference) if margin is None else relu(difference + margin))
    return np.array([mean(of_anchor) for of_anchor in terms])


def pn(labels, embeddings, distance="cosine", positives="hard", negatives="semi-hard", margin=0.1):
    """Positive-negative loss: the negative must be far from the anchor and from the positive.

    Ivis, doi:10.1038/s41598-019-45301-0, as TF-Similarity's PNLoss:
        relu(d_ap − min(d_an, d_pn) + margin),  or with margin None  log(1 + exp(d_ap − min(d_an, d_pn)))
    p and n are chosen by their distances to the anchor, as in `triplet`; d_pn enters afterwards. So this is the
    triplet loss with swap. TF-Similarity's own default is margin=None.
    """
    d = distance_matrix(distance, embeddings)
    terms = [[] for _ in labels]
    for i, p, n in miners.triplets(labels, embeddings, distance, positives, negatives):
        difference = d[i, p] - min(d[i, n], d[p, n])
        terms[i].append(softplus(difference) if margin is None else relu(difference + margin))
    return np.array([mean(of_anchor) for of_anchor in terms])
