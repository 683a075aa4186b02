"""`keras-similarity embed`: images → vectors in a Parquet file."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import progress_bar, show_values

__all__ = ["embed"]

ROWS = 512  # images of a part, which is what an interruption can cost


def embed(
    encoder: Annotated[Path, typer.Argument(help="Model: .keras or .onnx.")],
    data: Annotated[Path, typer.Argument(help="Folder with a subfolder of images per class.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")] = Path("vectors.parquet"),
    as_json: AsJson = False,
) -> None:
    """Embed a folder of images; ids are paths in it, labels its subfolders.

    Interrupted, it keeps what it has embedded in OUT.parts and goes on from there when it is started again.

    Example: keras-similarity embed model.keras images/ --out vectors.parquet
    """
    from keras_similarity.cli.encoders import open_encoder
    from keras_similarity.cli.image_folder import find_images
    from keras_similarity.export import write_parquet

    model = open_encoder(encoder)
    paths, labels = find_images(data)
    parts = Path(f"{out}.parts")
    _start(parts, encoder, data, paths)
    for start in _missing(parts, paths):
        _embed_part(model, paths[start : start + ROWS], parts / f"{start:09}.npy")
    count = write_parquet(_records(parts, data, paths, labels), out, model.dim)
    shutil.rmtree(parts)
    show_values({"vectors": str(out), "rows": count, "dim": model.dim}, as_json=as_json)


def _start(parts: Path, encoder: Path, data: Path, paths: list[Path]) -> None:
    """Keep the parts of an interrupted run of the same model over the same images; throw others away."""
    job = hashlib.sha256(encoder.read_bytes())
    for path in paths:
        about = path.stat()
        job.update(f"{path.relative_to(data)} {about.st_size} {about.st_mtime_ns}\n".encode())
    note = parts / "job"
    if not note.is_file() or note.read_text() != job.hexdigest():
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        note.write_text(job.hexdigest())


def _missing(parts: Path, paths: list[Path]) -> Iterator[int]:
    starts = range(0, len(paths), ROWS)
    with progress_bar("embedding", len(starts)) as advance:
        for start in starts:
            if not (parts / f"{start:09}.npy").is_file():
                yield start
            advance(1)


def _embed_part(model: Any, paths: list[Path], target: Path) -> None:
    import numpy as np

    from keras_similarity.cli.image_folder import read_images

    fresh = target.with_suffix(".new")
    with fresh.open("wb") as file:
        np.save(file, model(read_images(paths, model.shape)))
    fresh.replace(target)


def _records(parts: Path, data: Path, paths: list[Path], labels: list[str]) -> Iterator[Any]:
    import numpy as np

    from keras_similarity.core.results import Record

    for start in range(0, len(paths), ROWS):
        vectors = np.load(parts / f"{start:09}.npy", allow_pickle=False)
        part = slice(start, start + ROWS)
        for path, label, vector in zip(paths[part], labels[part], vectors, strict=True):
            yield Record(path.relative_to(data).as_posix(), label, vector, None, None)
