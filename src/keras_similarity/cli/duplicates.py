"""`keras-similarity duplicates`: items that are copies of each other, or nearly so."""

from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import show_rows

__all__ = ["duplicates"]


def duplicates(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    threshold: Annotated[float, typer.Option(help="Largest gap, as a fraction of the spacing around.")] = 0.35,
    k: Annotated[int, typer.Option("-k", "--k", help="Neighbours looked at; groups are smaller.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """List groups of near-copies, the tightest first.

    Example: keras-similarity duplicates my.index --json
    """
    from keras_similarity.index import Index
    from keras_similarity.inspection import find_duplicates, index_graph

    with Index.open(index, read_only=True) as found:
        table = find_duplicates(index_graph(found, list(found), k=k), threshold)
    show_rows(table.to_dict("records"), as_json=as_json)
