"""All rows of a source → embeddings on disk, as shards, on one machine or on many."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_similarity.core.checks import check_choice, check_whole
from keras_similarity.embed.executors import EXECUTORS, ShardWriter
from keras_similarity.embed.images import PHOTO_PIXELS
from keras_similarity.embed.model_files import encoder_fingerprint, open_model
from keras_similarity.embed.shards import Job, Shard, finish, shards_there, taken
from keras_similarity.embed.sources import find_source

__all__ = ["BulkResult", "embed"]

SHARD_ROWS = 4096
BATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a run left on disk.

    Args:
        folder: Where the shards and the manifest are.
        rows: How many embeddings there are.
        dim: Their width.
        shards: How many files.
        made: How many of them this run made; the others were there.

    Example:
        >>> result = BulkResult(Path("embeddings"), rows=70_000, dim=64, shards=18, made=3)
        >>> f"{result.made} of {result.shards} shards were still to be made"
        '3 of 18 shards were still to be made'
    """

    folder: Path
    rows: int
    dim: int
    shards: int
    made: int


def embed(
    source: Any,
    model: Any,
    out: str | os.PathLike[str],
    *,
    labels: Any = None,
    ids: Any = None,
    column: str | None = None,
    executor: str = "local",
    workers: int | None = None,
    shard_rows: int = SHARD_ROWS,
    batch_size: int = BATCH_SIZE,
    image_pixels: int = PHOTO_PIXELS,
    progress: Callable[[int], None] | None = None,
) -> BulkResult:
    """Embed all rows of a source into a folder of Parquet shards, each row exactly once.

    Interrupted, whatever was killed, the same call goes on with the shards that are missing. Files are named by the
    rows they hold and appear whole, so neither a worker that died nor one that did its work twice changes the result.
    `read_shards` and `keras-similarity index build` read the folder.

    Args:
        source: A folder with a subfolder of images per class, a Parquet file or a folder of them, an array `(n, …)`,
            or a data set with `len(source)` and `source[row]`.
        model: A `.keras` or `.onnx` file, a Keras model, an `Encoder`, or a function that returns an `Encoder`.
        out: The folder; made where it is not there.
        labels, ids: One a row, for an array or a data set; ids are row numbers without.
        column: Parquet's column of inputs; None for "image", "text", "input" or "x". Its columns "id" and "label" are
            taken as such, and the others become metadata.
        executor: "local" for this process, "ray" for the machines of a Ray cluster, which must share `out` and the
            files of the source and the model.
        workers: Processes on Ray; None for one a GPU, and without GPUs one a CPU.
        shard_rows: Rows of a file, ≥ 1: what a killed worker costs.
        batch_size: Rows that the model gets at a time.
        image_pixels: An image of more is refused before it is decoded.
        progress: Called with a number of rows whenever so many more are done, those of an earlier run first.

    Raises:
        FileExistsError: `out` holds something else, or embeddings of another job, or another run is at work in it.
        TypeError: ids that are neither whole numbers nor text.
        ValueError: no rows, ids that no index takes, a row that is unreadable or no input of the model, or an embedding
            that is not finite.
        MissingExtraError: pyarrow or Ray is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keras_similarity.embed import Encoder
        >>> identity = Encoder(lambda batch: batch, "vector", (4,), 4, "identity")
        >>> with TemporaryDirectory() as folder:
        ...     embed(np.eye(4, dtype="float32"), identity, folder, labels=list("abcd"), shard_rows=3).shards
        2
    """
    check_choice(executor, EXECUTORS, name="executor")
    shard_rows = check_whole(shard_rows, name="shard_rows", minimum=1)
    batch_size = check_whole(batch_size, name="batch_size", minimum=1)
    image_pixels = check_whole(image_pixels, name="image_pixels", minimum=1)
    workers = None if workers is None else check_whole(workers, name="workers", minimum=1)
    rows = find_source(source, labels=labels, ids=ids, column=column, image_pixels=image_pixels)
    if len(rows) == 0:
        raise ValueError("`source` has no rows.\n  Check where the data come from.")
    encoder = open_model(model)
    rows.check(encoder)
    job = Job(encoder_fingerprint(model, encoder), rows.fingerprint(), encoder.dim, len(rows), shard_rows)
    folder = Path(out).resolve()
    writer = ShardWriter(folder, job, rows, model, batch_size)
    with taken(folder, job):
        done = {shard.number: shard for shard in _counted(shards_there(folder, job), progress)}
        missing = [number for number in job.shards if number not in done]
        if missing:
            with closing(EXECUTORS[executor](writer, missing, encoder=encoder, workers=workers)) as made:
                done |= {shard.number: shard for shard in _counted(made, progress)}
        finish(folder, job, list(done.values()))
    return BulkResult(folder, len(rows), job.dim, len(done), len(missing))


def _counted(shards: Iterable[Shard], progress: Callable[[int], None] | None) -> Iterator[Shard]:
    """Hand on shards, and report the rows of each once."""
    seen: set[int] = set()
    for shard in shards:
        if progress and shard.number not in seen:
            progress(shard.rows)
        seen.add(shard.number)
        yield shard
