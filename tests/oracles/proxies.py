"""Losses against learned representatives of classes: proxies (C, d) or centres (C, k, d), labels 0 … C − 1.

Rows of embeddings and of proxies are normalised here. The rule of zeros does not apply.
"""

import math

import numpy as np

from .pairs import cosine_matrix, cross_entropy, distance_matrix, log1p_sum_exp, unit


def proxy_nca_pp(labels, embeddings, proxies, temperature=1 / 9):
    """ProxyNCA++: the probability of the true class's proxy.

    Teh et al., arXiv:2004.01113, d the squared Euclidean distance of unit rows (2 − 2 cos θ):
        −log(exp(−d(x, f(y)) / T) / Σ_c exp(−d(x, f(c)) / T)),     c over all proxies, y included
    ProxyNCA leaves y out of the denominator; ++ and pytorch-metric-learning's ProxyNCALoss (softmax_scale = 1 / T) do
    not. In cosines this is `heads.normalized_softmax` with temperature T / 2.
    """
    d = distance_matrix("squared_euclidean", unit(embeddings), unit(proxies))
    return np.array([cross_entropy(-d[i] / temperature, y) for i, y in enumerate(labels)])


def proxy_anchor(labels, embeddings, proxies, margin=0.1, alpha=32.0):
    """Proxy-Anchor loss: each proxy against the batch; a scalar, since its terms belong to proxies.

    Kim et al., arXiv:2003.13911 eq 4, cosine similarities, C proxies, C⁺ those whose class is in the batch:
        1/|C⁺| Σ_{c in C⁺} log(1 + Σ_{x of c} exp(−α (s_xc − margin)))
        + 1/|C| Σ_c log(1 + Σ_{x not of c} exp(α (s_xc + margin)))
    """
    s = cosine_matrix(embeddings, proxies)
    pull = push = 0.0
    for c in range(len(proxies)):
        own = [i for i, y in enumerate(labels) if y == c]
        other = [i for i, y in enumerate(labels) if y != c]
        pull += log1p_sum_exp([-alpha * (s[i, c] - margin) for i in own])
        push += log1p_sum_exp([alpha * (s[i, c] + margin) for i in other])
    return pull / len(set(labels)) + push / len(proxies)


def soft_triple(labels, embeddings, centers, la=20.0, gamma=0.1, margin=0.01):
    """SoftTriple loss: several centres a class, softly the best of them, centers (C, k, d).

    Qian et al., arXiv:1909.05235, cosine similarities s_ck:
        S_c = Σ_k softmax_k(s_ck / γ) s_ck
        −log(exp(λ (S_y − margin)) / (exp(λ (S_y − margin)) + Σ_{c ≠ y} exp(λ S_c)))
    γ divides (0.1 sharpens tenfold). The paper's regulariser is `soft_triple_regularizer`.
    """
    values = np.zeros(len(labels))
    per_class = [cosine_matrix(embeddings, of_class) for of_class in np.asarray(centers, dtype=np.float64)]
    for i, y in enumerate(labels):
        logits = np.zeros(len(per_class))
        for c, cosines in enumerate(per_class):
            weights = [math.exp(s / gamma) for s in cosines[i]]
            soft_maximum = sum(w * s for w, s in zip(weights, cosines[i], strict=True)) / sum(weights)
            logits[c] = la * (soft_maximum - margin if c == y else soft_maximum)
        values[i] = cross_entropy(logits, y)
    return values


def soft_triple_regularizer(centers, tau=0.2):
    """τ / (C K (K − 1)) Σ_c Σ_{s < t} √(2 − 2 ⟨w_cs, w_ct⟩), the distances between unit centres of a class.

    Qian et al., arXiv:1909.05235, which merges the centres that a class does not need.
    """
    classes, k, _ = np.shape(centers)
    total = 0.0
    for of_class in centers:
        distances = distance_matrix("euclidean", unit(of_class))
        total += sum(distances[s, t] for s in range(k) for t in range(s + 1, k))
    return tau * total / (classes * k * (k - 1))
