"""`keras-similarity query`: what is near to an image, a text, an item or a vector."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, EncoderOption, ImagePixels
from keras_similarity.cli.output import show_rows

__all__ = ["item_id", "parse_filter", "query"]

LARGEST = 3.4e38  # of the numbers of a vector, which have 32 bits


def query(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    image: Annotated[Path | None, typer.Option(help="An image; needs --encoder.")] = None,
    text: Annotated[str | None, typer.Option(help="A text; needs --encoder.")] = None,
    id: Annotated[str | None, typer.Option(help="An item of the index, left out of its neighbours.")] = None,
    vector: Annotated[str | None, typer.Option(help="Numbers as JSON, such as [0.1, 0.2].")] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="How many.", min=1)] = 10,
    where: Annotated[str | None, typer.Option(help='A filter, such as {"label": "cat"}.')] = None,
    encoder: EncoderOption = None,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Find the nearest items, nearest first.

    Example: keras-similarity query my.index --image cat.png --encoder model.keras
    """
    from keras_similarity.index import Index

    if sum(value is not None for value in (image, text, id, vector)) != 1:
        raise typer.BadParameter("give one of --image, --text, --id and --vector, such as --id cats/3.png")
    conditions, numbers = parse_filter(where), _parse_vector(vector)
    with Index.open(index, read_only=True) as found:
        exclude = None
        if id is not None:
            queries, exclude = found.get([item_id(id)])[0].embedding[None], [item_id(id)]
        elif numbers is not None:
            queries = [numbers]
        else:
            queries = _embedded(image, text, encoder, image_pixels)
        (neighbors,) = found.search(queries, k, where=conditions, exclude=exclude)
        rows = [
            {
                "rank": near.rank,
                "id": near.id,
                "label": near.label,
                "distance": near.distance,
                "metadata": near.metadata,
            }
            for near in neighbors
        ]
        show_rows(rows, as_json=as_json)


def _embedded(image: Path | None, text: str | None, encoder: Path | None, image_pixels: int) -> Any:
    """Return the one query `(1, d)` that a model makes of an image or a text."""
    import numpy as np

    if encoder is None:
        raise typer.BadParameter("--image and --text need a model: --encoder model.keras")
    from keras_similarity.cli.encoders import open_encoder
    from keras_similarity.embed.images import read_images

    model = open_encoder(encoder)
    wanted = "image" if image is not None else "text"
    if model.kind != wanted:
        raise typer.BadParameter(f"{encoder} embeds {model.kind}s, no {wanted}s: pass a model that embeds {wanted}s")
    if image is not None:
        return model(read_images([image], model.shape, most_pixels=image_pixels))
    return model(np.array([text], object))


def item_id(value: str) -> int | str:
    """Return an id from a word: digits are a number, anything else, or a JSON string, is text."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return json.loads(value)
    digits = value.removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() else value


def _parse_vector(vector: str | None) -> list[float] | None:
    """Return a vector from JSON; None stays None."""
    if vector is None:
        return None
    numbers = _from_json(vector, "--vector", "[0.1, 0.2]")
    if not isinstance(numbers, list) or not numbers or not all(map(_is_number, numbers)):
        raise typer.BadParameter(f"--vector must be one list of numbers, such as [0.1, 0.2]: got {vector:.60}")
    return numbers


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST


def parse_filter(where: str | None) -> Any:
    """Return a filter from JSON, checked; None stays None."""
    if where is None:
        return None
    from keras_similarity.core.where import parse_where

    conditions = _from_json(where, "--where", '{"label": "cat"}')
    try:
        parse_where(conditions)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(f"--where: {error}") from error
    return conditions


def _from_json(value: str, option: str, example: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{option} must be JSON, such as {example}: {error}") from error
