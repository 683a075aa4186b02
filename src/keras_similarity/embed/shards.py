"""Embeddings as shards: Parquet files of so many rows each, and a manifest that says which belong together.

A shard holds the rows of its number and no others, and is written under another name until it is whole. So it is
there once or not at all, whoever was killed. Of two workers that make the same shard, the first one's file stays: on
other hardware the second's numbers may differ in their last bits, and the manifest may have the first's checksum
already. The manifest is written last: with it, all rows are there.
"""

import json
import logging
import os
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any, BinaryIO

from keras_similarity.core.file_lock import try_lock
from keras_similarity.core.sync import sync_folder
from keras_similarity.embed.parquet import VectorBatch, read_parquet, write_batches
from keras_similarity.embed.shard_records import (
    as_json,
    damaged_record,
    place_file,
    read_record,
    sync_file,
    write_record,
)
from keras_similarity.errors import EmbeddingsFormatError

__all__ = ["Job", "Shard", "finish", "is_embeddings", "read_shards", "shards_there", "taken", "write_shard"]

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
JOB, MANIFEST = "job.json", "manifest.json"
UNFINISHED = (f".{JOB}.", f".{MANIFEST}.", ".shard-", "..shard-")  # how names of files begin that are not whole yet
LOCKED_BYTE = 1 << 30  # far beyond the end: some systems let nobody else read what is locked


@dataclass(frozen=True, slots=True)
class Shard:
    """One file: its number, its rows, and its content's checksum."""

    number: int
    rows: int
    checksum: str

    @property
    def name(self) -> str:
        """Its file's name."""
        return shard_name(self.number)


@dataclass(frozen=True, slots=True)
class Job:
    """What is embedded: a run goes on with the shards of the same job, and with no others.

    Args:
        model, source: Their fingerprints.
        dim: Width of an embedding.
        rows: How many rows there are.
        shard_rows: Rows of a shard; the last may have fewer.
    """

    model: str
    source: str
    dim: int
    rows: int
    shard_rows: int

    @property
    def shards(self) -> range:
        """The numbers of the shards."""
        return range(-(-self.rows // self.shard_rows))

    def span(self, number: int) -> tuple[int, int]:
        """Return the first row of a shard, and the one after its last."""
        return number * self.shard_rows, min((number + 1) * self.shard_rows, self.rows)


def shard_name(number: int) -> str:
    """Return the name of a shard's file."""
    return f"shard-{number:06}.parquet"


@contextmanager
def taken(folder: Path, job: Job) -> Generator[None]:
    """Make the folder, or take up the one that an interrupted run of the same job left; no other run may meanwhile.

    One in which another job made no shard is this job's from now on.

    Raises:
        EmbeddingsFormatError: its note is damaged, and there are shards.
        FileExistsError: it holds something else, which is left as it is, or another run is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / JOB
    there = [path.name for path in folder.iterdir()]  # before the look at the note, which another run may be writing
    if not note.is_file():
        if not all(name.startswith(f".{JOB}.") for name in there):
            raise FileExistsError(f"{folder} is not empty, and holds no embeddings.\n  Choose another folder.")
        place_file(write_record(note, _job_record(job)), note)
    with note.open("rb+") as file:
        _take_up(file, folder, job, locked=_lock(file, folder))
        yield


def write_shard(folder: Path, job: Job, number: int, rows: VectorBatch) -> Shard:
    """Write a shard, whole or not at all; one that is there meanwhile stays, and is returned.

    Raises:
        FileExistsError: the folder has become another job's: a worker that outlived its run.
    """
    target = folder / shard_name(number)
    # A name of its own: another worker may be writing the same shard.
    fresh = folder / f".{target.stem}.{uuid.uuid4().hex}.parquet"
    try:
        write_batches([rows], fresh, job.dim)
        if (folder / JOB).is_file() and read_record(folder / JOB) != _job_record(job):
            fresh.unlink()
            raise _of_another_job(folder)
        place_file(fresh, target)
    except FileNotFoundError:
        # The run has finished without this worker, which it took for dead, and cleared away what was no shard.
        if not target.is_file():
            raise
    return Shard(number, len(rows.vectors), _checksum(target))


def shards_there(folder: Path, job: Job) -> Iterator[Shard]:
    """Return the shards that an earlier run finished; what is damaged or of another length is deleted.

    Where that run wrote a manifest, its checksums tell; before it, that all rows can be read.
    """
    promised = _promised(folder)
    for number in job.shards:
        path, (first, stop) = folder / shard_name(number), job.span(number)
        if not path.is_file():
            continue
        shard = Shard(number, stop - first, _checksum(path))
        if promised.get(number, shard.checksum) != shard.checksum:
            logger.warning("%s has changed since it was written, and is made anew", path)
            path.unlink()
        elif number in promised or _rows(path) == shard.rows:
            yield shard
        else:
            path.unlink()


def finish(folder: Path, job: Job, shards: list[Shard]) -> None:
    """Write the manifest, once every shard is there, and clear away what killed workers left.

    Raises:
        FileNotFoundError: a shard is missing: workers that write elsewhere than this process reads.
    """
    missing = [shard.name for shard in shards if not (folder / shard.name).is_file()]
    if len(shards) != len(job.shards) or missing:
        raise FileNotFoundError(
            f"{folder} lacks {len(job.shards) - len(shards) + len(missing)} of {len(job.shards)} shards.\n"
            "  All workers must see the same folder: use one that the machines share."
        )
    ordered = sorted(shards, key=lambda shard: shard.number)
    record = _job_record(job) | {"shards": [asdict(shard) | {"name": shard.name} for shard in ordered]}
    fresh = write_record(folder / MANIFEST, record)
    sync_file(fresh)
    fresh.replace(folder / MANIFEST)
    sync_folder(folder)
    for left in folder.iterdir():
        if left.name.startswith(UNFINISHED):
            left.unlink(missing_ok=True)


def is_embeddings(folder: Path) -> bool:
    """Whether a folder holds embeddings, complete or not."""
    return (folder / JOB).is_file()


def read_shards(folder: str | os.PathLike[str]) -> Iterator[VectorBatch]:
    """Read embeddings part by part, in the order of their rows, every byte checked.

    Raises:
        EmbeddingsFormatError: not complete, of a later version, or a shard is missing or damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keras_similarity.embed import Encoder, embed
        >>> identity = Encoder(lambda batch: batch, "vector", (4,), 4, "identity")
        >>> with TemporaryDirectory() as folder:
        ...     done = embed(np.eye(4, dtype="float32"), identity, folder, labels=list("abcd"), shard_rows=3)
        ...     [(batch.vectors.shape, batch.labels) for batch in read_shards(folder)]
        [((3, 4), ['a', 'b', 'c']), ((1, 4), ['d'])]
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise EmbeddingsFormatError(f"{folder} holds no complete embeddings.\n  Run the same `embed` again.")
    manifest = read_record(folder / MANIFEST)
    if manifest["format_version"] > FORMAT_VERSION:
        raise EmbeddingsFormatError(
            f"{folder} has format {manifest['format_version']}; this version reads formats 1 to {FORMAT_VERSION}.\n"
            "  Upgrade with `pip install -U keras-similarity`."
        )
    for shard in manifest["shards"]:
        path = folder / shard_name(shard["number"])
        if not path.is_file() or _checksum(path) != shard["checksum"]:
            raise EmbeddingsFormatError(
                f"{path} is missing or damaged.\n  Run the same `embed` again, which makes it anew."
            )
        yield from read_parquet(path)


def _promised(folder: Path) -> dict[int, str]:
    """Return each shard's number and checksum as the manifest has them; nothing without one, or where it is damaged."""
    if not (folder / MANIFEST).is_file():
        return {}
    try:
        return {shard["number"]: shard["checksum"] for shard in read_record(folder / MANIFEST)["shards"]}
    except (EmbeddingsFormatError, KeyError, TypeError) as error:
        logger.warning("%s is damaged, and is written anew: %r", folder / MANIFEST, error)
        return {}


def _rows(path: Path) -> int | None:
    """Return how many rows a shard has, None for one that cannot be read."""
    try:
        return sum(len(batch.vectors) for batch in read_parquet(path))
    except (EmbeddingsFormatError, OSError, ValueError):
        return None


def _take_up(note: BinaryIO, folder: Path, job: Job, *, locked: bool) -> None:
    """Raise unless a folder's note is of a job; one of another that made no shard is written anew.

    Args:
        note: Open to read and write.
        folder: Where it is.
        job: Which may go on there.
        locked: Whether no other run is at work there, which may be about to make a shard.
    """
    note.seek(0)
    content = note.read()
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if found == _job_record(job):
        return
    if not locked or (folder / MANIFEST).is_file() or any(folder.glob("shard-*.parquet")):
        raise _of_another_job(folder) if found is not None else damaged_record(folder / JOB, "no JSON")
    note.seek(0)
    note.truncate()
    note.write(as_json(_job_record(job)))
    note.flush()
    os.fsync(note.fileno())


def _of_another_job(folder: Path) -> FileExistsError:
    return FileExistsError(
        f"{folder} holds embeddings of another model, of other data, or in shards of another size.\n"
        "  Delete that folder to embed anew, or choose another name."
    )


def _job_record(job: Job) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, **asdict(job)}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def _lock(note: BinaryIO, folder: Path) -> bool:
    """Lock a folder until its note is closed; False where its file system has no locks."""
    os.lseek(note.fileno(), LOCKED_BYTE, os.SEEK_SET)
    try:
        try_lock(note.fileno())
    except BlockingIOError as error:
        raise FileExistsError(
            f"another run of `embed` is at work in {folder}.\n  Wait until it ends, or choose another folder."
        ) from error
    except OSError as error:
        logger.warning("no lock on %s, so that a second run there would do all work again: %s", folder, error)
        return False
    return True
