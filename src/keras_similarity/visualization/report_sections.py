"""The sections of a report: each takes the sample and returns HTML, or says why it has nothing to show."""

import platform
import sys
from importlib import metadata
from typing import Any

import numpy as np

from keras_similarity.calibrate import match
from keras_similarity.evaluate import distance_histogram, pair_distances, retrieval_report
from keras_similarity.evaluate.searching import pick_columns
from keras_similarity.inspection import coverage, find_duplicates, find_label_issues, find_outliers
from keras_similarity.visualization.calibration import viz_distances, viz_reliability, viz_thresholds
from keras_similarity.visualization.confusion import MOST_NUMBERED, confusion_matrix
from keras_similarity.visualization.elements import figure, note, picture, picture_rows, table
from keras_similarity.visualization.projection import project
from keras_similarity.visualization.projector import map_html
from keras_similarity.visualization.report_data import LeftOut, ReportData
from keras_similarity.visualization.thumbnails import thumbnail
from keras_similarity.visualization.worst_queries import first_right_ranks, rank_in_words, worst_queries

__all__ = ["SECTIONS"]

METRICS = ["recall@1", "recall@5", "map@r"]
ROWS_SHOWN, NEIGHBORS_SHOWN = 8, 8
MOST_CLASSES = 200
MOST_PROBLEMS = 24
MOST_PICTURES, MAP_SIDE = 4096, 32
UNKNOWN = "unknown"
NO_LABEL = object()  # no label of any index
PACKAGES = ("keras-similarity", "keras", "numpy", "jax", "tensorflow", "torch", "faiss-cpu")


def retrieval(data: ReportData) -> str:
    """How good neighbours are, each item asked about the others."""
    scores = _scores(data)
    lines: list[list[Any]] = []
    for average, words in (("micro", "over items"), ("macro", "over labels")):
        means, ends = scores.mean(average=average), scores.confidence_intervals(average=average)
        lines += [[name, words, means[name], f"{ends[name][0]:.4f} to {ends[name][1]:.4f}"] for name in METRICS]
    asked = len(scores.labels) - scores.left_out
    remarks = [f"Left out, for want of another of their label: {scores.left_out:,} items."] if scores.left_out else []
    if scores.index_recall is not None:
        remarks.append(f"The index finds {scores.index_recall:.1%} of the true neighbours.")
    caption = f"Each of {asked:,} items is looked up among the others."
    return table(caption, ["metric", "mean", "value", "95% interval"], lines) + "".join(map(note, remarks))


def classes(data: ReportData) -> str:
    """What each label comes to, the weakest first."""
    data.need_labels()
    frame = coverage(data.graph)
    by_class = _scores(data).per_class()
    lines = [
        [str(row["label"]), row["items"], *_class_scores(by_class.get(row["label"])), "thin" if row["thin"] else ""]
        for row in frame.head(MOST_CLASSES).to_dict("records")
    ]
    more = note(f"{len(frame) - MOST_CLASSES:,} more labels, which do better.") if len(frame) > MOST_CLASSES else ""
    caption = "Labels, the thinnest first: those of few items, or whose items are rather found next to other labels"
    return table(caption, ["label", "items", *METRICS, "coverage"], lines) + more


def neighbors(data: ReportData) -> str:
    """One item of each of the first labels with its neighbours."""
    labels = data.found.labels
    first = list({label: row for row, label in reversed(list(enumerate(labels)))}.values())
    return _neighbor_rows(data, sorted(first)[:ROWS_SHOWN], "An item of each label, and what lies nearest to it")


def worst(data: ReportData) -> str:
    """The items whose first right neighbour comes latest."""
    rows = worst_queries(data.found)
    rows = rows[first_right_ranks(data.found)[rows] > 1][:ROWS_SHOWN].tolist()
    if not rows:
        raise LeftOut("The nearest neighbour of every item that was asked is right.")
    return _neighbor_rows(data, rows, "The items whose first right neighbour comes latest")


def confusions(data: ReportData) -> str:
    """Who is taken for whom, and who for nobody."""
    guessed, words = _guesses(data)
    mistakes: dict[tuple[str, str], int] = {}
    for true, said in zip(map(str, data.found.labels), guessed, strict=True):
        if true != said:
            mistakes[true, said] = mistakes.get((true, said), 0) + 1
    most = sorted(mistakes.items(), key=lambda pair: -pair[1])[:MOST_PROBLEMS]
    listed = table("The most frequent mistakes", ["label", "taken for", "times"], [[*pair, n] for pair, n in most])
    if len({*map(str, data.found.labels), *guessed}) > MOST_NUMBERED:
        return note(words) + listed
    axes, _ = confusion_matrix(guessed, list(map(str, data.found.labels)), title="", show=False)
    return (
        note(words) + figure(axes.figure, "Matrix of true labels by predicted ones; mistakes are listed below") + listed
    )


def distances(data: ReportData) -> str:
    """How distances of pairs are spread."""
    data.need_labels()
    try:
        pairs = pair_distances(data.rows, data.labels, distance=data.index.distance, max_pairs=200_000)
    except ValueError as error:
        raise LeftOut("This needs two items of one label, and there are none.") from error
    histogram = distance_histogram(pairs)
    drawn = viz_distances(histogram, distance=str(data.index.distance), show=False)
    alt = (
        f"Two histograms of distances: pairs of one label, median {np.median(pairs.positives):.3g}; pairs of two "
        f"labels, median {np.median(pairs.negatives):.3g}; they overlap by {histogram.overlap:.3f}"
    )
    return figure(drawn, alt, "The less they overlap, the better a threshold can tell them apart.")


def calibration(data: ReportData) -> str:
    """What thresholds achieve, and what probabilities are worth."""
    found = data.calibration
    if found is None:
        raise LeftOut("The index is not calibrated: nothing says how near is near enough. `calibrate` finds out.")
    shown = ["distance", "value", *(name for name in found.thresholds if name not in ("distance", "value"))]
    lines = [[name, *(float(point.get(key, np.nan)) for key in shown)] for name, point in found.cutpoints.items()]
    return (
        table(f"Thresholds, from {found.known:,} known and {found.unknown:,} unknown queries", ["name", *shown], lines)
        + figure(viz_thresholds(found, show=False), "Metrics over the threshold; the table above has the cutpoints")
        + figure(
            viz_reliability(found, show=False),
            f"Fraction right over the probability said; they differ by {found.reliability.error:.3f} on average",
        )
    )


def overview(data: ReportData) -> str:
    """A map of the sample."""
    if len(data.records) < 2:
        raise LeftOut("A map needs at least two items.")
    pictures = [thumbnail(data.images(record), MAP_SIDE) for record in data.records[:MOST_PICTURES]]
    pictures += [None] * (len(data.records) - len(pictures))
    names = ["" if label is None else str(label) for label in data.labels]
    texts = [f"{name}\nid {record.id}" for name, record in zip(names, data.records, strict=True)]
    return map_html(project(data.rows, method=data.map_method), names, texts, pictures, side=MAP_SIDE)


def problems(data: ReportData) -> str:
    """Copies, labels that are probably wrong, and items that lie alone."""
    copies = find_duplicates(data.graph)
    parts = [
        _problem_table(data, copies, "Near-copies", ["group", "label", "distance", "labels_differ"]),
        _problem_table(data, find_outliers(data.graph), "Items that lie alone", ["label", "score"]),
    ]
    if data.label_count > 1:
        wrong = find_label_issues(data.graph)
        parts.insert(0, _problem_table(data, wrong, "Labels that are probably wrong", ["label", "suggested", "score"]))
    return "".join(parts)


def environment(data: ReportData) -> str:
    """The index and what made this report."""
    about = data.index.describe()
    lines: list[list[Any]] = [[name, about[name]] for name in ("items", "dim", "distance", "storage", "bytes")]
    lines.append(["engine", str(about["engine"].get("engine"))])
    lines.append(["labels", data.label_count])
    for name in PACKAGES:
        try:
            lines.append([name, metadata.version(name)])
        except metadata.PackageNotFoundError:
            continue
    lines += [["Python", platform.python_version()], ["system", f"{sys.platform} {platform.machine()}"]]
    return table("The index, and what read it", ["what", "value"], [[name, str(value)] for name, value in lines])


SECTIONS = (
    ("Is it any good?", "retrieval", retrieval),
    ("Labels", "classes", classes),
    ("Neighbours", "neighbours", neighbors),
    ("Worst queries", "worst", worst),
    ("Who is taken for whom", "confusions", confusions),
    ("Distances", "distances", distances),
    ("Thresholds", "thresholds", calibration),
    ("What is wrong with the data", "data", problems),
    ("Map", "map-section", overview),
    ("Index and versions", "environment", environment),
)


def _guesses(data: ReportData) -> tuple[list[str], str]:
    """Return what each query is taken for, and in words how."""
    result = data.found.result
    if data.calibration is None:
        return list(map(str, result.labels[:, 0].tolist())), "Each item takes the label of its nearest other."
    if result.ids.shape[1] < data.calibration.k:
        raise LeftOut(f"This needs {data.calibration.k} neighbours of each item, as the calibration does.")
    nearest = pick_columns(result, np.arange(len(result)), np.tile(np.arange(data.calibration.k), (len(result), 1)))
    guessed = match(nearest, data.calibration, no_match_label=NO_LABEL)
    words = f"Each item takes the label that `match` gives it, or is {UNKNOWN}: too far from everything."
    return [UNKNOWN if label is NO_LABEL else str(label) for label in guessed], words


def _scores(data: ReportData) -> Any:
    found = data.found
    if not found.known.any():
        raise LeftOut("Every label has a single item: there is no right neighbour to be found.")
    ids = [data.records[row].id for row in data.queries.tolist()]
    return retrieval_report(data.index, data.rows[data.queries], found.labels, METRICS, ids=ids)


def _class_scores(scores: dict[str, float] | None) -> list[Any]:
    return ["" if scores is None else f"{scores[name]:.3f}" for name in METRICS]


def _neighbor_rows(data: ReportData, rows: list[int], caption: str) -> str:
    ranks, depth = first_right_ranks(data.found), data.found.result.ids.shape[1]
    lines: list[Any] = []
    for row in rows:
        record = data.records[int(data.queries[row])]
        query = {"image": data.images(record), "label": record.label, "note": rank_in_words(int(ranks[row]), depth)}
        found = [
            {
                "image": data.image_of(lookup.id),
                "label": lookup.label,
                "note": f"{lookup.distance:#.3g}",
                "right": lookup.label == record.label,
            }
            for lookup in data.found.result[row][:NEIGHBORS_SHOWN]
        ]
        lines.append((query, found))
    return picture_rows(caption, lines)


def _problem_table(data: ReportData, frame: Any, title: str, columns: list[str]) -> str:
    heading = f"<h3>{title}</h3>"
    if len(frame) == 0:
        return heading + note("None found.")
    lines = [
        [
            str(row["id"]),
            picture(data.image_of(row["id"]), f"image of {row['label']}"),
            *(row[name] for name in columns),
        ]
        for row in frame.head(MOST_PROBLEMS).to_dict("records")
    ]
    caption = f"{len(frame):,} of {len(data.records):,} items" + (
        f", the first {MOST_PROBLEMS}" if len(frame) > MOST_PROBLEMS else ""
    )
    return heading + table(caption, ["id", "image", *(name.replace("_", " ") for name in columns)], lines)
