"""What a threshold would do to items that are known: each decided on by its neighbours, itself left out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.core.label_json import label_to_json
from keras_similarity.evaluate import decide, get_matcher
from keras_similarity.index import Index
from keras_similarity.serve.explorer.index_map import IndexMap

__all__ = ["calibration_curves", "decisions"]

MOST_ITEMS = 2000
MOST_THRESHOLDS = 400
BLOCK = 256  # items of one search: other searches come in between


def decisions(index: Index, drawn: IndexMap, calibration: CalibrationResults) -> dict[str, Any]:
    """Decide on the first items of a map.

    Returns:
        "map", its number; "items", each with id, row, label code and place, "distance" of the decision (None where no
        neighbour has a label), and "right", whether it is the item's own label.
    """
    rows = np.sort(drawn.order[:MOST_ITEMS])
    rows = rows[index.contains(drawn.ids[rows])]
    items = drawn.items(rows)
    matcher = get_matcher(calibration.matcher)
    for start in range(0, len(items), BLOCK):
        part = items[start : start + BLOCK]
        ids = [item["id"] for item in part]
        embeddings = np.stack([record.embedding for record in index.get(ids)])
        decided = decide(index.search(embeddings, calibration.k, exclude=ids), matcher)
        for item, label, distance in zip(part, decided.labels(), decided.distances.tolist(), strict=True):
            own = drawn.labels[item["code"]] if item["code"] >= 0 else None
            item["distance"] = distance if np.isfinite(distance) else None
            item["right"] = label is not None and label == own
    return {"map": drawn.number, "items": items}


def calibration_curves(calibration: CalibrationResults) -> dict[str, Any]:
    """Return thresholds, what they achieve and the named cutpoints, as JSON values; of many thresholds, some."""
    thresholds = calibration.thresholds["distance"]
    chosen = np.unique(np.linspace(0, len(thresholds) - 1, min(len(thresholds), MOST_THRESHOLDS)).round().astype(int))
    points = [
        {
            "name": point["name"],
            "distance": float(point["distance"]),
            "target": point["target"],
            "per_label": [
                {"label": label_to_json(label), "distance": float(far)}
                for label, far in point.get("class_distances", {}).items()
            ],
        }
        for point in calibration.cutpoints.values()
    ]
    curves = {name: _json_numbers(values[chosen]) for name, values in calibration.thresholds.items()}
    return {
        "metric": calibration.calibration_metric,
        "distance": calibration.distance,
        "k": calibration.k,
        "queries": {"known": calibration.known, "unknown": calibration.unknown},
        "cutpoints": points,
        "thresholds": curves,
    }


def _json_numbers(values: NDArray[Any]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
