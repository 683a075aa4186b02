"""`keras-similarity evaluate`: how good the neighbours are."""

from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, EncoderOption, ImagePixels
from keras_similarity.cli.output import show_values
from keras_similarity.cli.own_ids import SameIds, ids_to_leave_out

__all__ = ["evaluate"]


def evaluate(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    queries: Annotated[Path, typer.Argument(help="Labelled queries: Parquet, or a folder of images with --encoder.")],
    metric: Annotated[list[str] | None, typer.Option(help="recall@1, map@r, …; several times for several.")] = None,
    same_ids: SameIds = False,
    encoder: EncoderOption = None,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Search labelled queries and score what is found.

    Example: keras-similarity evaluate my.index queries.parquet --metric recall@1
    """
    from keras_similarity.cli.vectors import all_vectors
    from keras_similarity.evaluate import evaluate_retrieval
    from keras_similarity.index import Index

    vectors, ids, labels = all_vectors(queries, encoder, image_pixels)
    metrics = metric or ["recall@1", "recall@5", "map@r"]
    with Index.open(index, read_only=True) as found:
        own = ids_to_leave_out(found, ids, queries, same_ids=same_ids)
        scores = evaluate_retrieval(found, vectors, labels, metrics, ids=own)
    show_values({"queries": len(vectors)} | scores, as_json=as_json)
