"""Classification heads with margins: class weights (C, d) and labels 0 … C − 1 in, one cross-entropy per example out.

Rows of embeddings and of weights are normalised here; logits are cosines before margin and scale. No biases.
The rule of zeros does not apply: no example needs another one.
"""

import math

import numpy as np

from .pairs import cosine_matrix, cross_entropy


def normalized_softmax(labels, embeddings, weights, temperature=0.05):
    """Cross-entropy of cosines divided by a temperature.

    Zhai and Wu, arXiv:1811.12649 (Classification is a Strong Baseline):  −log softmax_c(cos θ_c / T)[y]
    """
    cosines = cosine_matrix(embeddings, weights)
    return np.array([cross_entropy(cosines[i] / temperature, y) for i, y in enumerate(labels)])


def angle_plus_margin(cosine, margin, monotonic):
    """cos(θ + margin); with monotonic, cos θ − margin · sin(margin) where θ + margin would pass π.

    The second branch keeps the logit falling as the angle grows. It is in the authors' code of ArcFace and
    CurricularFace and in pytorch-metric-learning, not in the papers' equations.
    """
    theta = math.acos(cosine)
    if monotonic and theta > math.pi - margin:
        return cosine - margin * math.sin(margin)
    return math.cos(theta + margin)


def arcface(labels, embeddings, weights, margin=0.5, scale=64.0, monotonic=True):
    """ArcFace: an angle added to the angle of the true class, margin in radians.

    Deng et al., arXiv:1801.07698 eq 3:  logits scale · cos(θ_y + margin) for the true class, scale · cos θ_c else.
    monotonic: see `angle_plus_margin`; False is the equation as printed. pytorch-metric-learning takes degrees, and
    its default of 28.6° is 0.49916 rather than 0.5.
    """
    return _angular_margin_values(labels, cosine_matrix(embeddings, weights), margin, scale, monotonic)


def subcenter_arcface(labels, embeddings, weights, margin=0.5, scale=64.0, monotonic=True):
    """Sub-center ArcFace: ArcFace on the best of k centres of each class, weights (C, k, d).

    Deng et al., ECCV 2020:  cos θ_c = max over k of cos θ_{c,k}, then `arcface`. The maximum is taken for every
    class, also the true one. pytorch-metric-learning keeps (d, C · k), the k centres of a class in adjacent columns.
    """
    weights = np.asarray(weights, dtype=np.float64)
    per_centre = [cosine_matrix(embeddings, centres) for centres in weights]  # C matrices (b, k)
    cosines = np.array([[max(per_centre[c][i]) for c in range(len(weights))] for i in range(len(labels))])
    return _angular_margin_values(labels, cosines, margin, scale, monotonic)


def _angular_margin_values(labels, cosines, margin, scale, monotonic):
    values = np.zeros(len(labels))
    for i, y in enumerate(labels):
        logits = cosines[i].copy()
        logits[y] = angle_plus_margin(cosines[i, y], margin, monotonic)
        values[i] = cross_entropy(scale * logits, y)
    return values


def cosface(labels, embeddings, weights, margin=0.35, scale=64.0):
    """CosFace: a margin taken off the cosine of the true class.

    Wang et al., arXiv:1801.09414 eq 4:  logits scale · (cos θ_y − margin) for the true class, scale · cos θ_c else.
    """
    cosines = cosine_matrix(embeddings, weights)
    values = np.zeros(len(labels))
    for i, y in enumerate(labels):
        logits = cosines[i].copy()
        logits[y] = cosines[i, y] - margin
        values[i] = cross_entropy(scale * logits, y)
    return values


def adaface(labels, embeddings, weights, mean, std, margin=0.4, scale=64.0, h=0.333, clip_angle=False, norms=None):
    """AdaFace: a margin that the norm of the embedding, its quality, turns from angular into additive.

    Kim et al., arXiv:2204.00964, with mean and std of the norms given (the paper: moving averages over batches):
        z = clip((‖x‖ − mean) / (std / h), −1, 1);   g_angle = −margin z,   g_add = margin z + margin
        true class: scale · (cos(θ_y + g_angle) − g_add),  others: scale · cos θ_c
    z = −1 is ArcFace, z = 0 CosFace. z carries no gradient: for a gradient, give `norms` and they stay as they are.
    clip_angle=False is the equation: θ_y + g_angle may fall below 0, where the cosine falls again. The authors' code
    clips it to [0, π] (True), and then to 1e-3 within it, cosines to ±(1 − 1e-3), norms to [1e-3, 100], adds 1e-3 to
    std (not here), and takes the unbiased std of a batch.
    """
    cosines = cosine_matrix(embeddings, weights)
    values = np.zeros(len(labels))
    for i, y in enumerate(labels):
        norm = math.sqrt(sum(value * value for value in embeddings[i])) if norms is None else norms[i]
        z = max(-1.0, min(1.0, (norm - mean) / std * h))
        angle = math.acos(cosines[i, y]) - margin * z
        if clip_angle:
            angle = max(0.0, min(math.pi, angle))
        logits = cosines[i].copy()
        logits[y] = math.cos(angle) - (margin * z + margin)
        values[i] = cross_entropy(scale * logits, y)
    return values


def curricularface(labels, embeddings, weights, t, margin=0.5, scale=64.0, monotonic=True):
    """CurricularFace: ArcFace whose hard negatives are weighed by a curriculum parameter t, given here.

    Huang et al., arXiv:2004.00288, margin in radians:
        true class:  T = cos(θ_y + margin)                      (monotonic: see `angle_plus_margin`)
        other c:     cos θ_c            where cos(θ_y + margin) ≥ cos θ_c     (easy)
                     cos θ_c (t + cos θ_c)   else                             (hard)
    The comparison uses cos(θ_y + margin) even where monotonic changes the logit. t is a moving average of the mean of
    the batch's true-class cosines, t ← 0.01 · mean + 0.99 · t from t = 0, updated before use, without gradient.
    """
    cosines = cosine_matrix(embeddings, weights)
    values = np.zeros(len(labels))
    for i, y in enumerate(labels):
        threshold = math.cos(math.acos(cosines[i, y]) + margin)
        logits = cosines[i].copy()
        for c in range(len(logits)):
            if c != y and cosines[i, c] > threshold:
                logits[c] = cosines[i, c] * (t + cosines[i, c])
        logits[y] = angle_plus_margin(cosines[i, y], margin, monotonic)
        values[i] = cross_entropy(scale * logits, y)
    return values
