"""Losses that smooth a ranking metric: average precision and recall at k."""

import numpy as np

from .pairs import anchors, cosine_matrix, distance_matrix, mean, relu, sigmoid, unit


def fast_ap(labels, embeddings, num_bins=10):
    """FastAP: average precision from soft histograms of distances.

    Cakir et al., CVPR 2019 (Deep Metric Learning to Rank), squared Euclidean distances of unit rows, in [0, 4]:
        Δ = 4 / num_bins; bins l = 0 … num_bins with centres l Δ (num_bins + 1 of them)
        h_l  = Σ_j relu(1 − |d_ij − l Δ| / Δ) over all j ≠ i,   h⁺_l over positives;   H, H⁺ their running sums
        FastAP_i = 1/|P_i| Σ_{l: H_l > 0} h⁺_l H⁺_l / H_l,      value = 1 − FastAP_i
    Each distance splits its weight 1 between its two nearest centres. Rows are normalised here.
    """
    d = distance_matrix("squared_euclidean", unit(embeddings))
    width = 4.0 / num_bins
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        positives_so_far = all_so_far = ap = 0.0
        for bin_index in range(num_bins + 1):
            centre = bin_index * width
            in_bin = {j: relu(1 - abs(d[i, j] - centre) / width) for j in positive + negative}
            positives_here = sum(in_bin[p] for p in positive)
            positives_so_far += positives_here
            all_so_far += sum(in_bin.values())
            if all_so_far > 0:
                ap += positives_here * positives_so_far / all_so_far
        values[i] = 1 - ap / len(positive)
    return values


def smooth_ap(labels, embeddings, temperature=0.01, with_anchor=False):
    """Smooth-AP: average precision with sigmoids in place of comparisons.

    Brown et al., arXiv:2007.12163, the equation of AP_q with G(x) = sigmoid(x / τ), cosine similarities:
        rank of p among S  =  1 + Σ_{j in S, j ≠ p} G(s_ij − s_ip)
        value = 1 − mean over p of (rank of p among the positives / rank of p among positives and negatives)
    The anchor is no item of its own ranking, as a query is not part of the paper's retrieval set.
    pytorch-metric-learning, like the authors' code, counts it as its own positive (s_ii = 1) in both ranks and in the
    mean: with_anchor=True. PML needs classes of equal size in adjacent rows, and groups them rightly only where the
    number of classes equals that size: it takes groups as long as there are classes.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        relevant = [i, *positive] if with_anchor else positive

        def rank(p, among, row=s[i]):
            return 1 + sum(sigmoid((row[j] - row[p]) / temperature) for j in among if j != p)

        values[i] = 1 - mean(rank(p, relevant) / rank(p, relevant + negative) for p in relevant)
    return values


def recall_at_k_surrogate(
    labels,
    embeddings,
    k_values=(1, 2, 4, 8, 16),
    k_temperature=1.0,
    rank_temperature=0.01,
    saturate=False,
):
    """Recall@k with sigmoids in place of both comparisons.

    Patel et al., arXiv:2108.11179, cosine similarities, ranks among all others (the anchor is not ranked):
        rank of p = 1 + Σ_{j ≠ i, p} sigmoid((s_ij − s_ip) / τ_rank)
        recall@k  = Σ_p sigmoid((k − rank of p) / τ_k) / |P_i|
        value     = 1 − mean over k of recall@k
    A positive exactly at rank k counts one half. As printed, recall@k stays below 1 when k < |P_i|.
    saturate=True is the authors' code: numerator min(k, Σ …), denominator min(k, |P_i|), k at most the batch size.
    That code also leaves the anchor's own similarity in the ranks, which moves every rank up by about 1; not so here.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        ranks = []
        for p in positive:
            rivals = [j for j in positive + negative if j != p]
            ranks.append(1 + sum(sigmoid((s[i, j] - s[i, p]) / rank_temperature) for j in rivals))
        recalls = []
        for k in [min(k, len(labels)) for k in k_values] if saturate else k_values:
            found, wanted = sum(sigmoid((k - rank) / k_temperature) for rank in ranks), len(positive)
            recalls.append(min(k, found) / min(k, wanted) if saturate else found / wanted)
        values[i] = 1 - mean(recalls)
    return values
