"""Queries that are items of the index: each finds itself, unless that is left out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.output import say

__all__ = ["SameIds", "ids_to_leave_out"]

SameIds = Annotated[bool, typer.Option(help="Leave out the item that has the query's id.")]


def ids_to_leave_out(index: Any, ids: Sequence[Any], queries: Path, *, same_ids: bool) -> Sequence[Any] | None:
    """Return the ids of queries where each is to be left out of its own neighbours, and None where not.

    Where that is not asked for, and the index has most of the ids, a warning is said.

    Args:
        index: Open.
        ids: One a query, each None where the file has none.
        queries: Where they are from.
        same_ids: Whether it is asked for.

    Raises:
        ValueError: it is asked for, and the queries have no ids.
    """
    named = [item for item in ids if item is not None]
    if same_ids and len(named) < len(ids):
        raise ValueError(
            f"`--same-ids` needs an id of each query: {queries} has {len(named):,} for {len(ids):,}.\n"
            "  Write them into a column 'id', or leave out --same-ids."
        )
    if same_ids:
        return ids
    known = int(index.contains(named).sum())
    if 2 * known > len(ids):
        say(
            f"warning: the index has items with the ids of {known:,} of {len(ids):,} queries; if they are the same "
            "things, each finds itself.\n  Pass --same-ids to leave these out."
        )
    return None
