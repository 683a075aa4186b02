"""Losses that compare the distance of each pair, or of a list of pairs, with a margin."""

import math

import numpy as np

from .pairs import anchors, distance_matrix, log_sum_exp, mean, negatives, positives, relu, unit


def contrastive(labels, embeddings, distance="euclidean", positive_margin=0.0, negative_margin=1.0):
    """Contrastive loss: positives within one margin, negatives beyond another.

    Hadsell et al., CVPR 2006, eq 4, without its squares and halves, as pytorch-metric-learning has it:
        mean over p of relu(d_ip − positive_margin)  +  mean over n of relu(negative_margin − d_in)
    The exception to the rule of zeros: each part needs one kind of pair only, so an anchor without positives has
    the negative part alone, one without negatives the positive part alone, and one without either 0.
    """
    d = distance_matrix(distance, embeddings)
    values = np.zeros(len(labels))
    for i in range(len(labels)):
        pull = mean(relu(d[i, p] - positive_margin) for p in positives(labels, i))
        push = mean(relu(negative_margin - d[i, n]) for n in negatives(labels, i))
        values[i] = pull + push
    return values


def lifted_structure(labels, embeddings, distance="euclidean", negative_margin=1.0, positive_margin=0.0):
    """Generalised lifted structure loss: all positives of an anchor against all its negatives.

    Hermans et al., arXiv:1703.07737, the equation of L_LG (positive_margin 0 there):
        relu(log Σ_p exp(d_ip − positive_margin) + log Σ_n exp(negative_margin − d_in))
    """
    d = distance_matrix(distance, embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        pull = log_sum_exp([d[i, p] - positive_margin for p in positive])
        push = log_sum_exp([negative_margin - d[i, n] for n in negative])
        values[i] = relu(pull + push)
    return values


def lifted_structure_original(labels, embeddings, distance="euclidean", margin=1.0):
    """Lifted structured embedding: each positive pair against the negatives of both its ends.

    Oh Song et al., arXiv:1511.06452 eq 4, for a positive pair (i, j):
        J_ij = log(Σ_{n of i} exp(margin − d_in) + Σ_{n of j} exp(margin − d_jn)) + d_ij
        value of anchor i = mean over its positives j of relu(J_ij)² / 2
    The two ends have the same negatives, those of their common class, but their own distances to them.
    The paper's batch value Σ_{unordered pairs} relu(J)² / (2 |pairs|) is the mean over all ordered pairs, which the
    mean of these values equals when classes have equal sizes.
    """
    d = distance_matrix(distance, embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        for j in positive:
            pushes = [margin - d[i, n] for n in negative] + [margin - d[j, n] for n in negative]
            values[i] += relu(log_sum_exp(pushes) + d[i, j]) ** 2 / 2 / len(positive)
    return values


def margin(labels, embeddings, beta=1.2, alpha=0.2, weights=None):
    """Margin loss: every pair against one boundary β, averaged over the pairs that cost anything.

    Wu et al., arXiv:1706.07567 eq 4, Euclidean distances of unit rows (normalised here), y = +1 or −1:
        l_ij = relu(α + y_ij (d_ij − β))
    value of anchor i = (Σ_p l_ip + Σ_n c_in l_in) / (number of p with l_ip > 0 + Σ_{n: l_in > 0} c_in); 0 over 0 is 0.
        weights None: c_in = 1, every pair once.
        weights w (b, b), rows summing to 1 over the negatives (`miners.distance_weighted`, eq 5 and 6):
        c_in = |P_i| w_in, the expected number of times n is drawn when each positive pair draws one negative.
        Numerator and denominator are expectations; their ratio is not exactly the expectation of the ratio.

    pytorch-metric-learning and the authors' code divide once, by the count of the whole batch, not per anchor;
    PML also runs over all (p, n) of an anchor, which is weights = 1 / |N_i| here.
    """
    d = distance_matrix("euclidean", unit(embeddings))
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        total = count = 0.0
        for p in positive:
            cost = relu(alpha + d[i, p] - beta)
            total += cost
            count += cost > 0
        for n in negative:
            times = 1.0 if weights is None else len(positive) * weights[i][n]
            cost = relu(alpha + beta - d[i, n])
            total += times * cost
            count += times * (cost > 0)
        values[i] = total / count if count > 0 else 0.0
    return values


def ranked_list(labels, embeddings, margin=0.4, Tn=10.0, imbalance=0.5, alpha=None, Tp=0.0, weighed_at=None):
    """Ranked list loss: positives within α − m, negatives beyond α, the worst offenders weighing most.

    Wang et al., arXiv:1903.03238, Euclidean distances of unit rows (normalised here), α = 1 + m/2 when None:
        P* = positives with d > α − m,  weights exp(Tp (d − (α − m))),  costs d − (α − m)
        N* = negatives with d < α,      weights exp(Tn (α − d)),        costs α − d
        (1 − imbalance) · weighted mean over P*  +  imbalance · weighted mean over N*;   an empty set costs 0
    Tp = 0 is the plain mean over P*. Weights carry no gradient: with embeddings for weighed_at, they are taken there.
    An anchor that lacks positives or negatives gives 0, by the rule of zeros; PML gives it the other part.

    pytorch-metric-learning adds 1e-5 per item of the batch to both sums of weights (b · 1e-5 in all), so its parts
    are smaller by W / (W + b · 1e-5), and it drops negatives at distance exactly 0. This follows the paper.
    """
    d = distance_matrix("euclidean", unit(embeddings))
    fixed = d if weighed_at is None else distance_matrix("euclidean", unit(weighed_at))
    alpha = 1 + margin / 2 if alpha is None else alpha
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        near = [p for p in positive if d[i, p] > alpha - margin]
        far = [n for n in negative if d[i, n] < alpha]
        pull_weights = [math.exp(Tp * (fixed[i, p] - (alpha - margin))) for p in near]
        push_weights = [math.exp(Tn * (alpha - fixed[i, n])) for n in far]
        pull = _weighted_mean([d[i, p] - (alpha - margin) for p in near], pull_weights)
        push = _weighted_mean([alpha - d[i, n] for n in far], push_weights)
        values[i] = (1 - imbalance) * pull + imbalance * push
    return values


def _weighted_mean(values, weights):
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights) if values else 0.0
