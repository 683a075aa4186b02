"""Losses that ask a softmax, or a sigmoid of each pair, to point at the positives."""

import numpy as np

from .pairs import anchors, cosine_matrix, cross_entropy, distance_matrix, log_sum_exp, mean, softplus


def soft_nearest_neighbor(labels, embeddings, temperature=1.0, distance="squared_euclidean"):
    """Soft nearest neighbour loss.

    Frosst et al., arXiv:1902.01889 eq 1, rows not normalised:
        −log(Σ_p exp(−d_ip / T) / Σ_{k ≠ i} exp(−d_ik / T))
    """
    d = distance_matrix(distance, embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        near = log_sum_exp([-d[i, p] / temperature for p in positive])
        everything = log_sum_exp([-d[i, k] / temperature for k in positive + negative])
        values[i] = everything - near
    return values


def nca(labels, embeddings, scale=1.0, distance="squared_euclidean"):
    """Neighbourhood components analysis, the log form.

    Goldberger et al., NIPS 2004, p_i = Σ_p softmax(−d_i·)_p, maximising Σ log p_i (their KL objective):
        −log(Σ_p exp(−scale · d_ip) / Σ_{k ≠ i} exp(−scale · d_ik))
    The same as `soft_nearest_neighbor` with scale = 1 / T. Rows are not normalised; pytorch-metric-learning's
    NCALoss normalises them unless its distance says otherwise.
    """
    d = distance_matrix(distance, embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        near = log_sum_exp([-scale * d[i, p] for p in positive])
        far = log_sum_exp([-scale * d[i, n] for n in negative])
        values[i] = softplus(far - near)
    return values


def supcon(labels, embeddings, temperature=0.1):
    """Supervised contrastive loss, the mean outside the logarithm.

    Khosla et al., arXiv:2004.11362 eq 2 (L_out), cosine similarities:
        −1/|P_i| Σ_p log(exp(s_ip / τ) / Σ_{k ≠ i} exp(s_ik / τ))
    The denominator holds the other positives too. Not multiplied by τ or τ / base_temperature.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        everything = log_sum_exp([s[i, k] / temperature for k in positive + negative])
        values[i] = mean(everything - s[i, p] / temperature for p in positive)
    return values


def nt_xent(labels, embeddings, temperature=0.07):
    """Normalised temperature-scaled cross-entropy with labels.

    Chen et al. (SimCLR), arXiv:2002.05709 eq 1, cosine similarities, one positive p in each denominator:
        mean over p of −log(exp(s_ip / τ) / (exp(s_ip / τ) + Σ_n exp(s_in / τ)))
    With one positive per anchor it is the paper's and `supcon`; with more, the other positives are left out of the
    denominator, as in pytorch-metric-learning.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        for p in positive:
            logits = [s[i, k] / temperature for k in [p, *negative]]
            values[i] += cross_entropy(logits, 0) / len(positive)
    return values


def info_nce(queries, keys, labels=None, temperature=0.07, symmetric=False):
    """InfoNCE over aligned rows, also called multiple negatives ranking: query i belongs to key i.

    van den Oord et al., arXiv:1807.03748 eq 4; Henderson et al., arXiv:1705.00652, cosine similarities:
        −log(exp(s_ii / τ) / Σ_j exp(s_ij / τ)),        j over i and the keys that may count as negatives
    labels (b,): keys j ≠ i with label i's class are left out of the sum; None leaves every key in.
    symmetric: the mean of this and of the same with queries and keys exchanged, both for index i (CLIP).
    A query without any negative key gives log 1 = 0. temperature 0.05 is a scale of 20.
    """
    s = cosine_matrix(queries, keys)
    values = np.zeros(len(s))
    for i in range(len(s)):
        others = [j for j in range(len(s)) if j != i and (labels is None or labels[j] != labels[i])]
        values[i] = cross_entropy([s[i, j] / temperature for j in [i, *others]], 0)
        if symmetric:
            backward = cross_entropy([s[j, i] / temperature for j in [i, *others]], 0)
            values[i] = (values[i] + backward) / 2
    return values


def siglip(labels, embeddings, temperature=10.0, bias=-10.0):
    """Sigmoid loss over the pairs of one labelled batch.

    Zhai et al., arXiv:2303.15343 section 3.2 and its pseudo-code, cosine similarities, j ≠ i:
        Σ_j softplus(−z_ij (t s_ij + bias)),      z = +1 for positives, −1 for negatives
    A sum over the others, as in the paper, which divides by the number of anchors only: the mean of these values.
    The paper's printed equation has −t s + b inside; the sign used here is its pseudo-code's (bias starts at −10).
    The rule of zeros holds: an anchor needs a positive and a negative.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(labels))
    for i, positive, negative in anchors(labels):
        values[i] += sum(softplus(-(temperature * s[i, p] + bias)) for p in positive)
        values[i] += sum(softplus(temperature * s[i, n] + bias) for n in negative)
    return values


def siglip_pairs(queries, keys, labels=None, temperature=10.0, bias=-10.0):
    """Sigmoid loss over two aligned sets: query i belongs to key i, and to the keys of its label when there are any.

    As `siglip`, with j over all keys, j = i included:  Σ_j softplus(−z_ij (t s_ij + bias)).
    labels (b,): z_ij = +1 where labels agree (always so for j = i); None: z = +1 for j = i only.
    A query without a negative key gives 0 by the rule of zeros, though the equation has a value for it.
    """
    s = cosine_matrix(queries, keys)
    values = np.zeros(len(s))
    for i in range(len(s)):
        matches = [i == j if labels is None else labels[i] == labels[j] for j in range(len(s))]
        if not all(matches):
            for j, match in enumerate(matches):
                logit = temperature * s[i, j] + bias
                values[i] += softplus(-logit if match else logit)
    return values


def instance_discrimination(targets, embeddings, temperature=0.07):
    """Cross-entropy between soft targets over the other items and the softmax of similarities to them.

    Wu et al., arXiv:1805.01978 eq 2 and 3 with soft targets, cosine similarities, j and k ≠ i:
        −Σ_j T_ij log(exp(s_ij / τ) / Σ_k exp(s_ik / τ))
    targets (b, b) ≥ 0: the diagonal is ignored, each row is divided by its sum without it; a row without any gives 0.
    With T_ij = [j is a positive of i] this is `supcon`.
    """
    s = cosine_matrix(embeddings)
    values = np.zeros(len(s))
    for i in range(len(s)):
        others = [j for j in range(len(s)) if j != i]
        total = sum(targets[i][j] for j in others)
        if total > 0:
            everything = log_sum_exp([s[i, k] / temperature for k in others])
            values[i] = sum(targets[i][j] / total * (everything - s[i, j] / temperature) for j in others)
    return values
