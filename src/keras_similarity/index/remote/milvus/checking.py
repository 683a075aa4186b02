"""What can be wrong with the collection of an index when something else than this package has written to it."""

from collections import Counter
from typing import Any

from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.remote.items import Page
from keras_similarity.index.remote.milvus.state import State

__all__ = ["check"]


def check(state: State, found: list[Page]) -> tuple[CheckReport, dict[str, Any]]:
    """Compare what the state counts with the rows; return what differs, and what the counters should be.

    Args:
        state: The state.
        found: Every item.
    """
    ids = [item_id for page in found for item_id in page.ids]
    whole = [item_id for item_id in ids if isinstance(item_id, int)]
    right = {"items": len(ids), "next_id": max(state.next_id, max(whole, default=-1) + 1)}
    changes = {name: value for name, value in right.items() if getattr(state, name) != value}
    problems = [
        f"{name} is {getattr(state, name)} in the state, and {now} by the rows" for name, now in changes.items()
    ]
    twice = [item_id for item_id, count in Counter(ids).items() if count > 1]
    problems += [f"the id {item_id!r} is that of more than one item" for item_id in twice]
    unlabelled = [
        item_id
        for page in found
        for item_id, code in zip(page.ids, page.codes.tolist(), strict=True)
        if code >= state.labels
    ]
    problems += [f"{len(unlabelled)} items have a label that is not in the notes"] if unlabelled else []
    return CheckReport(tuple(problems), (), tuple(unlabelled)), changes
