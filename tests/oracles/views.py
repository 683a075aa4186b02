"""Losses between two views, as their papers write them: loops over items and features."""

import numpy as np


def simsiam(projections, predictions):
    """Chen and He, arXiv:2011.10566 eq 1 and 3: −⟨z, p⟩ of unit vectors; the mean over items."""
    values = []
    for z, p in zip(projections, predictions, strict=True):
        values.append(-np.dot(z, p) / (np.linalg.norm(z) * np.linalg.norm(p)))
    return float(np.mean(values))


def barlow_twins(first, second, redundancy=5e-3, epsilon=1e-5):
    """Zbontar et al., arXiv:2103.03230 eq 1 and 2; epsilon is added to variances, as in the authors' code."""
    total = 0.0
    for i in range(first.shape[1]):
        for j in range(second.shape[1]):
            one, other = first[:, i] - first[:, i].mean(), second[:, j] - second[:, j].mean()
            norms = np.sqrt((np.mean(one**2) + epsilon) * (np.mean(other**2) + epsilon))
            correlation = np.mean(one * other) / norms
            total += (1 - correlation) ** 2 if i == j else redundancy * correlation**2
    return float(total)


def vicreg(first, second, invariance=25.0, variance=25.0, covariance=1.0, epsilon=1e-4):
    """Bardes et al., arXiv:2105.04906 algorithm 1: a mean over features, and half of each view's variance term."""
    n, d = first.shape
    total = invariance * np.mean((first - second) ** 2)
    for view in (first, second):
        for j in range(d):
            column = view[:, j] - view[:, j].mean()
            spread = np.sqrt(np.sum(column**2) / (n - 1) + epsilon)
            total += variance * max(0.0, 1 - spread) / d / 2
            for k in range(d):
                other = view[:, k] - view[:, k].mean()
                if k != j:
                    total += covariance * (np.sum(column * other) / (n - 1)) ** 2 / d
    return float(total)
