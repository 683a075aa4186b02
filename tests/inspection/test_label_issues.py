"""Wrong labels, against loops over the definition, and planted in real data beside cleanlab."""

import math
import sys

import numpy as np
import pytest

from keras_similarity.inspection import find_label_issues, neighbor_graph
from keras_similarity.inspection.label_issues import weigh_labels
from real_embeddings import fashion_embeddings

pytest.importorskip("pandas")  # the extra `data`; left out of the environment without a framework


def loop(graph):
    """(suggested, score) of each item, one item at a time."""
    steepness, count = -graph.dimension(), len(graph)
    given, rivals = [], []
    for item in range(count):
        code, lengths = graph.codes[item], graph.lengths[item]
        own = [math.log(length) for length in graph.own_lengths[item] if math.isfinite(length)]
        given.append(steepness * sum(own) / len(own) if own else None)
        found = {}
        for other in dict.fromkeys(graph.codes[graph.rows[item]].tolist()):
            if other in (-1, code):
                continue
            at = [math.log(d) for d, row in zip(lengths, graph.rows[item], strict=True) if graph.codes[row] == other][
                :3
            ]
            found[other] = steepness * (sum(at) + (3 - len(at)) * math.log(1.1 * lengths[-1])) / 3
        rivals.append(found)
    share = []
    for item in range(count):
        total = sum(math.exp(v) for v in rivals[item].values()) + (0 if given[item] is None else math.exp(given[item]))
        share.append({code: math.exp(v) / total for code, v in rivals[item].items()})
    results = []
    for item in range(count):
        if given[item] is None:
            results.append((None, math.nan))
            continue
        if not rivals[item]:
            results.append((None, -math.inf))
            continue
        best = max(rivals[item], key=rivals[item].get)
        with_label = [row for row in range(count) if graph.codes[row] == best and given[row] is not None]
        mean = sum(share[row].get(int(graph.codes[item]), 0.0) for row in with_label) / max(1, len(with_label))
        results.append((best, rivals[item][best] - given[item] - math.log(mean + 1e-3)))
    return results


@pytest.mark.parametrize("k", [3, 12])
def test_scores__equal_the_loop(rng, k):
    labels = [*rng.choice(["a", "b", "c"], 60).tolist(), "alone", None, "d", "d"]
    rows = rng.normal(size=(64, 3)) + np.array([{"a": 0, "b": 1.5}.get(label, 3) for label in labels])[:, None]
    graph = neighbor_graph(rows, labels, k=k, distance="euclidean")
    suggested, scores = weigh_labels(graph)
    for item, (code, score) in enumerate(loop(graph)):
        assert math.isnan(scores[item]) == math.isnan(score)
        if not math.isnan(score):
            assert scores[item] == pytest.approx(score, rel=1e-6, abs=1e-9)
            assert suggested[item] == (-1 if code is None else code)


def test_an_item_among_another_class__is_found_with_its_right_label(rng):
    labels = np.repeat(["cat", "dog"], 40)
    rows = rng.normal(size=(80, 2)) + 10 * (labels == "dog")[:, None]
    labels[[3, 50]] = ["dog", "cat"]
    found = find_label_issues(neighbor_graph(rows, labels, distance="euclidean"))
    assert sorted(found[["id", "label", "suggested"]].values.tolist()) == [[3, "dog", "cat"], [50, "cat", "dog"]]
    assert (np.diff(found["score"]) <= 0).all()


def test_classes_that_lie_in_each_other__are_no_issue(rng):
    """Half of the neighbours disagree with every label, and naturally so."""
    graph = neighbor_graph(rng.normal(size=(400, 2)), rng.choice(["a", "b"], 400), distance="euclidean")
    assert len(find_label_issues(graph)) <= 4


def test_exact_copies_with_another_label__are_weighed_finitely():
    rows = np.repeat(np.eye(3), 8, axis=0)
    labels = ["a"] * 8 + ["b"] * 8 + ["c"] * 8
    labels[2] = "b"
    found = find_label_issues(neighbor_graph(rows, labels, k=7))
    assert found[["id", "suggested"]].values.tolist() == [[2, "a"]]
    assert np.isfinite(found["score"]).all()


def planted(data_folder, seed):
    """Real embeddings with 1% of the labels flipped, and which ones."""
    rows, labels = fashion_embeddings(data_folder)
    rng, flipped = np.random.default_rng(seed), np.zeros(len(labels), bool)
    flipped[rng.choice(len(labels), len(labels) // 100, replace=False)] = True
    labels = np.where(flipped, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    return rows, labels, flipped


def quality(found, flipped):
    """Precision and recall of the items found."""
    return np.array([flipped[found].mean(), flipped[found].sum() / flipped.sum()])


def scored(data_folder, seed):
    """Precision and recall of what is reported, precision of the first as many as were planted, average precision.

    The plain distance reports just these first ones: it knows how many there are.
    """
    filters, rank = pytest.importorskip("cleanlab.filter"), pytest.importorskip("cleanlab.rank")
    metrics = pytest.importorskip("sklearn.metrics")
    rows, labels, flipped = planted(data_folder, seed)
    graph = neighbor_graph(rows, labels, distance="euclidean")
    votes = np.stack([(graph.codes[graph.rows] == code).mean(axis=1) for code in range(10)], axis=1)
    votes = (votes[:, np.argsort(graph.vocabulary.labels)] + 0.01) / 1.1  # cleanlab wants columns by label, and no 0
    everything = find_label_issues(graph, -np.inf)
    ours = np.full(len(labels), -np.inf)
    ours[everything["id"]] = everything["score"]
    scores = {
        "ours": np.maximum(ours, -99),
        "cleanlab": -rank.get_label_quality_scores(labels, votes),
        "distance": graph.own_lengths[:, 0],
    }
    first = {name: np.argsort(-values, kind="stable")[: flipped.sum()] for name, values in scores.items()}
    # One job: cleanlab would fork a process in which JAX may have threads.
    reported = {
        "ours": find_label_issues(graph)["id"],
        "cleanlab": np.flatnonzero(filters.find_label_issues(labels, votes, n_jobs=1)),
        "distance": first["distance"],
    }
    return {
        name: [
            *quality(reported[name], flipped),
            quality(first[name], flipped)[0],
            metrics.average_precision_score(flipped, scores[name]),
        ]
        for name in scores
    }


@pytest.mark.slow
def test_planted_flips_in_real_data__are_found_better_than_by_distance_or_cleanlab(data_folder, capsys):
    draws = [scored(data_folder, seed) for seed in range(3)]
    means = {name: np.mean([draw[name] for draw in draws], axis=0) for name in draws[0]}
    with capsys.disabled():
        for name, (precision, recall, first, average) in means.items():
            sys.stdout.write(
                f"\n1% of Fashion-MNIST's labels flipped, {name}: reported precision {precision:.2f}, "
                f"recall {recall:.2f}; first 100 precision {first:.2f}; average precision {average:.2f}"
            )
    ours, cleanlab, distance = (means[name] for name in ("ours", "cleanlab", "distance"))
    assert ours[0] > 2 * cleanlab[0]
    assert ours[1] > cleanlab[1] + 0.03
    assert ours[2] > 0.65 > 0.55 > max(cleanlab[2], distance[2])
    assert ours[3] > 0.75 > 0.5 > max(cleanlab[3], distance[3])


@pytest.mark.parametrize(
    ("labels", "threshold", "message"), [(None, 1, "got 0"), (["a"] * 3, 1, "got 1"), (list("aab"), np.nan, "got nan")]
)
def test_bad_input__says_what(labels, threshold, message):
    with pytest.raises(ValueError, match=message):
        find_label_issues(neighbor_graph(np.eye(3), labels), threshold)


def test_find_label_issues__no_neighbour_of_another_label__finds_none(rng):
    apart = rng.normal(size=(60, 3)) + 100 * (np.arange(60) % 2)[:, None]
    graph = neighbor_graph(apart, np.arange(60) % 2, k=20, distance="euclidean")
    assert len(find_label_issues(graph)) == 0
    assert (find_label_issues(graph, -np.inf)["score"] == -np.inf).all()
