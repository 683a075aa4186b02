"""`keras-similarity query`: what is near to an image, a text, an item or a vector."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import AsJson, EncoderOption
from keras_similarity.cli.output import show_rows

__all__ = ["item_id", "parse_filter", "query", "query_vector"]


def query(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    image: Annotated[Path | None, typer.Option(help="An image; needs --encoder.")] = None,
    text: Annotated[str | None, typer.Option(help="A text; needs --encoder.")] = None,
    id: Annotated[str | None, typer.Option(help="An item of the index, left out of its neighbours.")] = None,
    vector: Annotated[str | None, typer.Option(help="Numbers as JSON, such as [0.1, 0.2].")] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="How many.", min=1)] = 10,
    where: Annotated[str | None, typer.Option(help='A filter, such as {"label": "cat"}.')] = None,
    encoder: EncoderOption = None,
    as_json: AsJson = False,
) -> None:
    """Find the nearest items, nearest first.

    Example: keras-similarity query my.index --image cat.png --encoder model.keras
    """
    from keras_similarity.index import Index

    if sum(value is not None for value in (image, text, id, vector)) != 1:
        raise typer.BadParameter("give one of --image, --text, --id and --vector")
    with Index.open(index, read_only=True) as found:
        if id is not None:
            queries, exclude = found.get([item_id(id)])[0].embedding[None], [item_id(id)]
        else:
            queries, exclude = query_vector(image, text, vector, encoder), None
        (neighbors,) = found.search(queries, k, where=parse_filter(where), exclude=exclude)
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


def query_vector(image: Path | None, text: str | None, vector: str | None, encoder: Path | None) -> Any:
    """Return the one query `(1, d)` that was given."""
    import numpy as np

    if vector is not None:
        try:
            return np.array(json.loads(vector), np.float32, ndmin=2)
        except (ValueError, TypeError) as error:
            raise typer.BadParameter(f"--vector must be a list of numbers in JSON: {error}") from error
    if encoder is None:
        raise typer.BadParameter("--image and --text need a model: --encoder model.keras")
    from keras_similarity.cli.encoders import open_encoder
    from keras_similarity.embed.images import read_images

    model = open_encoder(encoder)
    wanted = "image" if image is not None else "text"
    if model.kind != wanted:
        raise typer.BadParameter(f"{encoder} embeds {model.kind}s, no {wanted}s")
    return model(read_images([image], model.shape) if image is not None else np.array([text], object))


def item_id(value: str) -> int | str:
    """Return an id from a word: digits are a number, anything else, or a JSON string, is text."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return json.loads(value)
    digits = value.removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() else value


def parse_filter(where: str | None) -> Any:
    """Return a filter from JSON; None stays None."""
    if where is None:
        return None
    try:
        return json.loads(where)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f'--where must be JSON, such as {{"label": "cat"}}: {error}') from error
