"""`keras-similarity embed`: images, texts or rows of numbers → vectors in Parquet."""

import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, ImagePixels
from keras_similarity.cli.output import show_values
from keras_similarity.cli.progress import progress_bar

__all__ = ["embed"]


def embed(
    encoder: Annotated[Path, typer.Argument(help="Model: .keras or .onnx.")],
    data: Annotated[
        Path,
        typer.Argument(help="Folder with a subfolder of images per class, or Parquet: a file, or a folder of them."),
    ],
    out: Annotated[
        Path, typer.Option(help="What to write: a .parquet file, or a folder of many and a manifest.")
    ] = Path("vectors.parquet"),
    executor: Annotated[str, typer.Option(help="Who embeds: local, or ray for a Ray cluster.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes on Ray; else one a GPU, or one a CPU.")] = None,
    column: Annotated[str | None, typer.Option(help="Parquet's column to embed; else image, text, input or x.")] = None,
    shard_rows: Annotated[int, typer.Option(min=1, help="Rows of a part, which is what an interruption costs.")] = 4096,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Embed images or the rows of Parquet files. Ids are paths or the column "id", labels subfolders or "label".

    Interrupted, it keeps the parts it has and goes on from there when it is started again.

    Example: keras-similarity embed model.keras images/ --out vectors.parquet
    """
    from keras_similarity.cli.encoders import check_encoder
    from keras_similarity.embed import embed as embed_all
    from keras_similarity.embed import read_shards
    from keras_similarity.embed.parquet import write_batches

    check_encoder(encoder)
    one_file = out.suffix == ".parquet"
    folder = Path(f"{out}.parts") if one_file else out
    with _whole(data), progress_bar("embedding", _count(data, column)) as advance:
        done = embed_all(
            data,
            encoder,
            folder,
            column=column,
            executor=executor,
            workers=workers,
            shard_rows=shard_rows,
            image_pixels=image_pixels,
            progress=advance,
        )
    if one_file:
        write_batches(read_shards(folder), out, done.dim)
        shutil.rmtree(folder)
    show_values(
        {"vectors": str(out), "rows": done.rows, "dim": done.dim, "resumed": done.shards - done.made}, as_json=as_json
    )


def _of_images(data: Path) -> bool:
    return data.is_dir() and not any(file.name[0] != "." for file in data.glob("*.parquet"))


def _count(data: Path, column: str | None) -> int:
    """Return how many rows there are to embed."""
    from keras_similarity.cli.image_folder import find_images
    from keras_similarity.embed.sources import find_source

    return len(find_images(data)[0]) if _of_images(data) else len(find_source(data, column=column))


def _whole(data: Path) -> AbstractContextManager[None]:
    """Have damaged Parquet told of, whose pages are read while they are embedded; a folder of images names its own."""
    from keras_similarity.embed.parquet import whole_parquet

    return nullcontext() if _of_images(data) else whole_parquet(data)
