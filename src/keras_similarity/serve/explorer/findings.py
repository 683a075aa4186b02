"""What is probably wrong with the items of an index, for a person to look at."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_similarity.core.label_json import label_to_json
from keras_similarity.index import Index
from keras_similarity.inspection import find_duplicates, find_label_issues, index_graph
from keras_similarity.serve.explorer.index_map import IndexMap

__all__ = ["FINDERS", "findings"]

MOST_ITEMS = 20_000  # compared with each other, which takes seconds
MOST_LINES = 1000
NEIGHBORS = 20
FINDERS: dict[str, Callable[[Any], Any]] = {"duplicates": find_duplicates, "label-issues": find_label_issues}
LABELS = ("label", "suggested")


def findings(index: Index, drawn: IndexMap, kind: str) -> dict[str, Any]:
    """Look for duplicates, or for labels that are probably wrong.

    Args:
        index: Where the items are.
        drawn: Its map, whose first items are looked at when there are too many.
        kind: "duplicates" or "label-issues".

    Returns:
        "examined", how many items were compared with each other; "size", how many there are; "found", how many lines
        there are; "lines", the first of them, see `find_duplicates` and `find_label_issues`.

    Raises:
        ValueError: see these; fewer than two items.
        MissingExtraError: pandas is not installed.
    """
    rows = np.sort(drawn.order[:MOST_ITEMS])
    ids = drawn.ids[rows]
    ids = ids[index.contains(ids)].tolist()
    table = FINDERS[kind](index_graph(index, ids, k=NEIGHBORS))
    lines = table.head(MOST_LINES).to_dict("records")
    for line in lines:
        line |= {name: label_to_json(line[name]) for name in LABELS if name in line}
    return {"examined": len(ids), "size": len(index), "found": len(table), "lines": lines}
