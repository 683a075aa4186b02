"""Losses that weigh all pairs of an anchor by exponentials of their similarities."""

import math

import numpy as np

from . import miners
from .pairs import anchors, cosine_matrix, distance_matrix, dot, log1p_sum_exp, log_sum_exp, mean, relu, softplus, unit


def multi_similarity(labels, embeddings, distance="cosine", alpha=2.0, beta=40.0, epsilon=0.1, lmda=0.5, center=1.0):
    """Multi-similarity loss over mined pairs.

    Wang et al., arXiv:1904.06627: mining eq 8 and 9, loss eq 10, with s = center − d:
        1/α log(1 + Σ_{p kept} exp(−α (s_ip − λ)))  +  1/β log(1 + Σ_{n kept} exp(β (s_in − λ)))
    Mining looks at the unmined pairs (`miners.multi_similarity_mask`); epsilon None keeps every pair. A side whose
    pairs are all mined away costs 0, the other side stays.
    """
    d = distance_matrix(distance, embeddings)
    kept_positives = kept_negatives = np.ones(d.shape, dtype=bool)
    if epsilon is not None:
        kept_positives, kept_negatives = miners.multi_similarity_mask(labels, embeddings, epsilon, distance)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        pulls = [-alpha * (center - d[i, p] - lmda) for p in positive if kept_positives[i, p]]
        pushes = [beta * (center - d[i, n] - lmda) for n in negative if kept_negatives[i, n]]
        values[i] = log1p_sum_exp(pulls) / alpha + log1p_sum_exp(pushes) / beta
    return values


def circle(labels, embeddings, m=0.4, gamma=80.0, weighed_at=None):
    """Circle loss on cosine similarity: each similarity weighed by its distance from its optimum.

    Sun et al., arXiv:2002.10857 eq 6, with O_p = 1 + m, O_n = −m, Δ_p = 1 − m, Δ_n = m:
        a_p = relu(O_p − s_p),   a_n = relu(s_n − O_n)
        log(1 + Σ_n exp(γ a_n (s_n − Δ_n)) · Σ_p exp(−γ a_p (s_p − Δ_p)))
    The weights a carry no gradient: with embeddings for weighed_at, they are taken there.
    pytorch-metric-learning's softplus drops exp(−x) above x = 20, 2e-9 at most.
    """
    s = cosine_matrix(embeddings)
    fixed = s if weighed_at is None else cosine_matrix(weighed_at)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        pulls = [-gamma * relu(1 + m - fixed[i, p]) * (s[i, p] - (1 - m)) for p in positive]
        pushes = [gamma * relu(fixed[i, n] + m) * (s[i, n] - m) for n in negative]
        values[i] = softplus(log_sum_exp(pulls) + log_sum_exp(pushes))
    return values


def n_pairs(labels, embeddings, l2_weight=0.0):
    """Multi-class N-pair loss over inner products of rows as they are, not normalised.

    Sohn, NIPS 2016, the equation of L_{N-pair-mc}, with every positive and every negative of the batch:
        mean over p of log(1 + Σ_n exp(s_in − s_ip))  +  l2_weight · ‖e_i‖²,      s = ⟨e_i, e_j⟩
    The paper's batch has two items per class, one of them the anchor, and takes only the other class's positive
    as a negative: N − 1 negatives where the batch here has 2 (N − 1). pytorch-metric-learning's NPairsLoss does as
    the paper does (first pair of each class), but its default distance normalises the rows; its
    NTXentLoss(temperature=1) over unnormalised dot products is this.
    The squared norm is that of the anchor's row; an anchor that lacks positives or negatives gives 0, norm included.
    """
    s = -distance_matrix("inner_product", embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        values[i] = mean(log1p_sum_exp([s[i, n] - s[i, p] for n in negative]) for p in positive)
        values[i] += l2_weight * s[i, i]
    return values


def angular(labels, embeddings, alpha=40.0):
    """Angular loss in its N-pair form, on unit rows (normalised here), α in degrees.

    Wang et al., arXiv:1708.01682 eq 8:
        f_apn = 4 tan²α (x_a + x_p)·x_n − 2 (1 + tan²α) x_a·x_p
        mean over p of log(1 + Σ_n exp(f_apn))
    pytorch-metric-learning normalises anchors and positives but not the negatives x_n, so the two agree only for
    rows of unit length; normalising all three follows the paper.
    """
    x = unit(embeddings)
    tan2 = math.tan(math.radians(alpha)) ** 2
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        for p in positive:
            logits = [4 * tan2 * dot(x[i] + x[p], x[n]) - 2 * (1 + tan2) * dot(x[i], x[p]) for n in negative]
            values[i] += log1p_sum_exp(logits) / len(positive)
    return values


def tuplet_margin(labels, embeddings, margin=5.73, scale=64.0):
    """Tuplet margin loss: positives' angles enlarged by a slack, margin in degrees.

    Yu and Tao, ICCV 2019 (Deep Metric Learning With Tuplet Margin Loss), the tuplet margin loss:
        mean over p of log(1 + Σ_n exp(scale (cos θ_an − cos(θ_ap − margin))))
    The margin is subtracted from the positive angle, a slack: pairs within it already count as close enough.
    A positive angle below the margin gives a negative angle, whose cosine falls again; it is not clipped at 0.
    The paper's intra-pair variance term is not part of it.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        for p in positive:
            eased = math.cos(math.acos(s[i, p]) - math.radians(margin))
            values[i] += log1p_sum_exp([scale * (s[i, n] - eased) for n in negative]) / len(positive)
    return values
