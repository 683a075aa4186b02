"""`keras-similarity calibrate`: how near is near enough, kept with the index."""

from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, EncoderOption, ImagePixels
from keras_similarity.cli.output import show_rows
from keras_similarity.cli.own_ids import SameIds, ids_to_leave_out

__all__ = ["calibrate"]


def calibrate(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    queries: Annotated[Path, typer.Argument(help="Labelled queries, new to the index, unknown classes among them.")],
    target: Annotated[list[str] | None, typer.Option(help="Such as 'precision >= 0.95'; becomes a cutpoint.")] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="How many neighbours vote.", min=1)] = 1,
    same_ids: SameIds = False,
    encoder: EncoderOption = None,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Find the distances up to which neighbours should be believed, for `match` and the server.

    Example: keras-similarity calibrate my.index queries.parquet --target "precision >= 0.95"
    """
    from keras_similarity import calibrate as calibration
    from keras_similarity.calibrate.kept import CALIBRATION_FILE
    from keras_similarity.cli.vectors import all_vectors
    from keras_similarity.index import Index

    vectors, ids, labels = all_vectors(queries, encoder, image_pixels)
    targets = {words: words for words in target or []}
    with Index.open(index, read_only=True) as found:
        own = ids_to_leave_out(found, ids, queries, same_ids=same_ids)
        results = calibration.calibrate(found, vectors, labels, targets, k=k, ids=own)
    results.save(index / CALIBRATION_FILE)
    names = ("name", "distance", "value", "precision", "recall")
    show_rows([{name: point.get(name) for name in names} for point in results.cutpoints.values()], as_json=as_json)
