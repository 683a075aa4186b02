"""Changes to an index that are a function of (seed, number), so that another process knows what they were."""

import numpy as np

from keras_similarity.core import pairwise_distances

DIM = 6
BIG = 1100  # rows that go to a segment of their own
KINDS = ("small", "strings", "counted", "big", "remove", "update", "compact")
WEIGHTS = (0.34, 0.14, 0.12, 0.04, 0.16, 0.14, 0.06)


def operation(seed, number):
    """What happens at a step: a kind and its arguments."""
    rng = np.random.default_rng((seed, number))
    kind = rng.choice(KINDS, p=WEIGHTS)
    count = BIG if kind == "big" else int(rng.integers(1, 25))
    pool = np.arange(5000, 5000 + 3 * BIG) if kind == "big" else np.arange(200)
    ids = rng.choice(pool, count, replace=False).tolist()
    if kind == "strings":
        ids = [f"s{value}" for value in ids]
    vectors = rng.integers(-9, 10, (count, DIM)).astype(np.float32)
    return kind, ids, vectors, f"label {rng.integers(0, 9)}", number


def of_kind(seed, kind):
    """The first operation of a kind that no history has."""
    return next(operation(seed, step) for step in range(1000, 9999) if operation(seed, step)[0] == kind)


class Model:
    """What the index must hold: a dict of id -> (vector, label, data), in order."""

    def __init__(self):
        self.items = {}
        self.counter = 0

    def after(self, operation):
        other = Model()
        other.items, other.counter = dict(self.items), self.counter
        other.apply(operation)
        return other

    def apply(self, operation):
        kind, ids, vectors, label, number = operation
        if kind in ("small", "strings", "counted", "big"):
            if kind == "counted":
                ids = list(range(self.counter, self.counter + len(ids)))
            for item_id, vector in zip(ids, vectors, strict=True):
                self.items.pop(item_id, None)
                self.items[item_id] = (vector, label, number)
            self.counter = max([self.counter, *(i + 1 for i in ids if isinstance(i, int))])
        elif kind == "remove":
            for item_id in ids:
                self.items.pop(item_id, None)
        elif kind == "update":
            for item_id in ids:
                if item_id in self.items:
                    vector, _, data = self.items.pop(item_id)
                    self.items[item_id] = (vector, label, data)


def apply(index, operation):
    """Do to an index what `Model.apply` does to a dict."""
    kind, ids, vectors, label, number = operation
    if kind in ("small", "strings", "big"):
        index.add(vectors, [label] * len(ids), ids=ids, data=[number] * len(ids))
    elif kind == "counted":
        index.add(vectors, [label] * len(ids), data=[number] * len(ids))
    elif kind == "remove":
        index.remove(ids)
    elif kind == "update":
        there = [item_id for item_id in ids if item_id in index]
        index.update(there, labels=[label] * len(there))
    else:
        index.compact()


def same(record, item):
    """Whether a record is what the model has."""
    return record.embedding.tolist() == item[0].tolist() and (record.label, record.data) == (item[1], item[2])


def holds(index, model):
    """Whether an index holds exactly what a model does."""
    if list(index) != list(model.items) or len(index) != len(model.items):
        return False
    return all(same(record, item) for record, item in zip(index.records(), model.items.values(), strict=True))


def answers(index, model, seed=0):
    """Whether searches find what brute force finds, with a filter and without."""
    queries = np.random.default_rng(seed).normal(size=(3, DIM)).astype(np.float32)
    for label in (None, "label 3"):
        left = [item_id for item_id, item in model.items.items() if label in (None, item[1])]
        vectors = np.array([model.items[item_id][0] for item_id in left]).reshape(-1, DIM)
        distances = pairwise_distances(queries, vectors, "euclidean")
        found = index.search(queries, k=5, where=None if label is None else {"label": label})
        for row, neighbors in enumerate(found):
            order = np.argsort(distances[row], kind="stable")[:5]
            if neighbors.ids.tolist() != [left[place] for place in order]:
                return False
    return True
