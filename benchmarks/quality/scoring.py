"""What an encoder is worth on classes that it was not trained on."""

import numpy as np
from quality import omniglot

from keras_similarity.evaluate import evaluate_embeddings

EPISODES, WAYS = 1000, 20


def retrieval(embeddings, labels):
    """Recall@1 and MAP@R of every row among all the others."""
    return evaluate_embeddings(embeddings, labels, metrics=["recall@1", "map@r"]).mean()


def one_shot(embeddings, labels, *, within_alphabet, seed=0):
    """The share of queries whose one example of 20 is the nearest, over episodes of one query a class.

    Classes are drawn among all, or among those of one alphabet, which look more alike.
    """
    rng = np.random.default_rng(seed)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = {label: np.flatnonzero(labels == label) for label in np.unique(labels)}
    groups = [list(rows)]
    if within_alphabet:
        alphabet = omniglot.alphabets()
        groups = [[label for label in rows if alphabet[label] == name] for name in np.unique(alphabet[list(rows)])]
        groups = [group for group in groups if len(group) >= WAYS]
    right = 0
    for episode in range(EPISODES):
        classes = rng.choice(groups[episode % len(groups)], WAYS, replace=False)
        support, queries = np.array([rng.choice(rows[label], 2, replace=False) for label in classes]).T
        right += (np.argmax(unit[queries] @ unit[support].T, axis=1) == np.arange(WAYS)).sum()
    return float(right) / (EPISODES * WAYS)
