"""What the oracles share: distances by definition, the pairs of an anchor, sums of exponentials. All float64.

Conventions of every oracle:
    labels (b,) are any hashable values; embeddings (b, d) are not normalised by the caller.
    Smaller distances are closer. An anchor is never its own positive or negative.
    The result has one value per anchor, exactly 0 where an anchor lacks positives or lacks negatives, unless a
    docstring says otherwise.
"""

import math

import numpy as np


def unit(rows):
    """Divide each row by its norm; a row of zeros stays zeros."""
    result = np.array(rows, dtype=np.float64)
    for i in range(len(result)):
        norm = math.sqrt(sum(value * value for value in result[i]))
        if norm > 0:
            result[i] = result[i] / norm
    return result


def dot(x, y):
    """⟨x, y⟩."""
    return float(sum(a * b for a, b in zip(x, y, strict=True)))


def cosine_similarity(x, y):
    """⟨x, y⟩ / (‖x‖ ‖y‖), in [−1, 1]; 0 when x or y is a row of zeros."""
    norms = math.sqrt(dot(x, x)) * math.sqrt(dot(y, y))
    return max(-1.0, min(1.0, dot(x, y) / norms)) if norms > 0 else 0.0


def squared_euclidean(x, y):
    """Σ (x − y)²."""
    return float(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def variance(x):
    """Mean squared deviation from the mean."""
    mean = sum(x) / len(x)
    return sum((a - mean) ** 2 for a in x) / len(x)


def snr(query, key):
    """var(query − key) / var(query): the anchor is the signal, so it is not symmetric (CVPR 2019, Yuan et al.)."""
    return float(variance([a - b for a, b in zip(query, key, strict=True)]) / variance(query))


DISTANCES = {
    "cosine": lambda x, y: 1.0 - cosine_similarity(x, y),
    "euclidean": lambda x, y: math.sqrt(squared_euclidean(x, y)),
    "squared_euclidean": squared_euclidean,
    "manhattan": lambda x, y: float(sum(abs(a - b) for a, b in zip(x, y, strict=True))),
    "inner_product": lambda x, y: -dot(x, y),
    "snr": snr,
}


def pairwise(function, queries, keys=None):
    """Fill a matrix with function(query i, key j); keys None means the queries themselves."""
    queries = np.asarray(queries, dtype=np.float64)
    keys = queries if keys is None else np.asarray(keys, dtype=np.float64)
    return np.array([[function(query, key) for key in keys] for query in queries])


def distance_matrix(name, queries, keys=None):
    """Return the distance called `name` between every query (row) and every key (column)."""
    return pairwise(DISTANCES[name], queries, keys)


def cosine_matrix(queries, keys=None):
    """Return the cosine similarity between every query (row) and every key (column)."""
    return pairwise(cosine_similarity, queries, keys)


def positives(labels, i):
    """Return the indices of the other items of anchor i's class."""
    return [j for j in range(len(labels)) if j != i and labels[j] == labels[i]]


def negatives(labels, i):
    """Return the indices of the items of other classes than anchor i's."""
    return [j for j in range(len(labels)) if labels[j] != labels[i]]


def anchors(labels):
    """Yield (i, its positives, its negatives) for each anchor that has both kinds."""
    for i in range(len(labels)):
        if positives(labels, i) and negatives(labels, i):
            yield i, positives(labels, i), negatives(labels, i)


def mean(values):
    """Arithmetic mean of a list; 0 of an empty one."""
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def relu(x):
    """max(x, 0)."""
    return max(x, 0.0)


def log_sum_exp(values):
    """Return log Σ exp(values), −inf of an empty list; the largest value is taken out, against overflow."""
    values = list(values)
    if not values:
        return -math.inf
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def log1p_sum_exp(values):
    """Return log(1 + Σ exp(values)); 0 of an empty list."""
    return log_sum_exp([0.0, *values])


def softplus(x):
    """log(1 + exp(x))."""
    return log1p_sum_exp([x])


def sigmoid(x):
    """1 / (1 + exp(−x)), also for x far below 0."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def cross_entropy(logits, target):
    """−log softmax(logits)[target]."""
    return log_sum_exp(logits) - logits[target]
