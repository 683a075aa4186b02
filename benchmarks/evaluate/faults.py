"""Faults planted in 20,000 images: what ours finds, beside cleanlab and plain distances, on the same embeddings."""

import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
from cleanlab.filter import find_label_issues as cleanlab_issues
from cleanlab.rank import get_label_quality_scores
from evaluate.data import directions, images, read
from measure import cpu_seconds, versions
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from keras_similarity.inspection import find_duplicates, find_label_issues, neighbor_graph

IMAGES, COPIES = 20_000, 400


def quality(found, planted):
    hits = int(planted[found].sum())
    precision, recall = hits / max(1, len(found)), hits / int(planted.sum())
    return {"found": len(found), "precision": precision, "recall": recall}


def label_issues(rows, labels, seed):
    rng, flipped = np.random.default_rng(seed), np.zeros(len(labels), bool)
    flipped[rng.choice(len(labels), len(labels) // 100, replace=False)] = True
    labels = np.where(flipped, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    making, graph = cpu_seconds(lambda: neighbor_graph(rows, labels, distance="euclidean"))
    finding, ours = cpu_seconds(lambda: find_label_issues(graph))
    everything = find_label_issues(graph, -np.inf)
    scores = np.full(len(labels), -99.0)
    scores[everything["id"]] = np.maximum(everything["score"], -99)
    order = np.argsort(graph.vocabulary.labels)
    votes = np.stack([(graph.codes[graph.rows] == code).mean(axis=1) for code in range(10)], axis=1)[:, order]
    model = LogisticRegression(max_iter=300)
    regression = cross_val_predict(model, rows / rows.std(axis=0), labels, cv=5, method="predict_proba")
    reported = {"ours": ours["id"].to_numpy()}
    ranked = {"ours": scores, "distance to the label's nearest": graph.own_lengths[:, 0]}
    for name, chances in (("neighbours' votes", (votes + 0.01) / 1.1), ("logistic regression", regression)):
        for rule in ("prune_by_noise_rate", "low_normalized_margin"):
            found = cleanlab_issues(labels, chances, filter_by=rule)
            reported[f"cleanlab, {name}, {rule}"] = np.flatnonzero(found)
        ranked[f"cleanlab, {name}"] = -get_label_quality_scores(labels, chances)
    count = int(flipped.sum())
    first = {name: np.argsort(-values, kind="stable")[:count] for name, values in ranked.items()}
    return {
        "planted": count,
        "cpu_s": {"graph": making, "find_label_issues": finding},
        "reported": {name: quality(found, flipped) for name, found in reported.items()},
        "as many as planted": {name: quality(found, flipped)["precision"] for name, found in first.items()},
        "average precision": {name: average_precision_score(flipped, values) for name, values in ranked.items()},
    }


def copies(seed):
    """Copies that are lighter or darker and noisy; pairs found at the default, and at each way's best threshold."""
    flat, _ = images()
    flat, rng = flat[:IMAGES], np.random.default_rng(seed)
    originals = rng.choice(len(flat), COPIES, replace=False)
    lit = flat[originals] * rng.uniform(0.85, 1.15, (COPIES, 1)) + rng.normal(size=(COPIES, flat.shape[1])) * 20
    mean, main = directions(flat)
    rows = ((np.concatenate([flat, np.clip(lit, 0, 255)]) - mean) @ main).astype(np.float32)
    planted = {(int(original), len(flat) + number) for number, original in enumerate(originals)}
    graph = neighbor_graph(rows, distance="euclidean")

    def pairs_at(threshold, relative):
        frame = find_duplicates(graph, threshold, relative=relative)
        groups = [sorted(part["id"].tolist()) for _, part in frame.groupby("group")]
        pairs = {pair for group in groups if len(group) < 50 for pair in itertools.combinations(group, 2)}
        hits = len(pairs & planted)
        return {"threshold": float(threshold), "precision": hits / max(1, len(pairs)), "recall": hits / len(planted)}

    def harmonic(row):
        return row["precision"] * row["recall"] / (row["precision"] + row["recall"] or 1)

    plain = np.quantile(graph.lengths[:, 0], np.linspace(0.0005, 0.05, 40))
    return {
        "planted": COPIES,
        "ours, default": pairs_at(0.35, True),
        "ours, best": max((pairs_at(value, True) for value in np.linspace(0.2, 0.5, 25)), key=harmonic),
        "plain distance, best": max((pairs_at(value, False) for value in plain), key=harmonic),
    }


def main(path):
    gallery, labels, _, _ = read(path)
    found = {
        "label_issues": label_issues(gallery[:IMAGES], labels[:IMAGES], seed=0),
        "near_copies": copies(seed=0),
        "versions": versions("numpy", "cleanlab", "scikit-learn"),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
