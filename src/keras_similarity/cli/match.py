"""`keras-similarity match`: the label of each query, or none."""

from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, EncoderOption, ImagePixels
from keras_similarity.cli.output import show_rows

__all__ = ["match"]

NO_LABEL = object()  # no label of any index


def match(
    index: Annotated[Path, typer.Argument(help="Folder of a calibrated index.")],
    queries: Annotated[Path, typer.Argument(help="Parquet, or a folder of images with --encoder.")],
    cutpoint: Annotated[str, typer.Option(help="Which of the calibration's.")] = "optimal",
    encoder: EncoderOption = None,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Label queries by their neighbours; one that is too far from everything gets no label.

    Example: keras-similarity match my.index queries.parquet --json
    """
    from keras_similarity import calibrate as calibration
    from keras_similarity.cli.vectors import all_vectors
    from keras_similarity.errors import NotCalibratedError
    from keras_similarity.index import Index

    results = calibration.read_calibration(index)
    if results is None:
        raise NotCalibratedError(f"{index} has no thresholds.\n  Make them with: keras-similarity calibrate")
    vectors, ids, _ = all_vectors(queries, encoder, image_pixels)
    with Index.open(index, read_only=True) as found:
        matches = calibration.match(found.search(vectors, results.k), results, cutpoint, no_match_label=NO_LABEL)
    columns = zip(ids, matches.candidates, matches.matched, matches.distances, matches.probabilities, strict=True)
    rows = [
        {
            "query": number if query_id is None else query_id,
            "label": candidate if matched else None,
            "distance": float(distance),
            "probability": float(probability),
        }
        for number, (query_id, candidate, matched, distance, probability) in enumerate(columns)
    ]
    show_rows(rows, as_json=as_json)
