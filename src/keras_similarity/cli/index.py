"""`keras-similarity index …`: what becomes of an index on disk."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, ImagePixels
from keras_similarity.cli.output import say, show_values

__all__ = ["index_commands"]

index_commands = typer.Typer(help="Build, change, check, copy an index.", no_args_is_help=True)

IndexPath = Annotated[Path, typer.Argument(metavar="INDEX", help="Folder of the index.")]
Source = Annotated[Path, typer.Argument(metavar="VECTORS", help="Parquet file, or a folder of images with --encoder.")]
Model = Annotated[Path | None, typer.Option("--encoder", help="Model (.keras or .onnx) for a folder of images.")]


@index_commands.command()
def build(
    vectors: Source,
    index: IndexPath,
    distance: Annotated[str, typer.Option(help="What near means: cosine, euclidean, …")] = "cosine",
    engine: Annotated[str, typer.Option(help="auto, exact, faiss, …")] = "auto",
    recall: Annotated[float, typer.Option(help="Share of the 10 nearest that an engine must find.")] = 0.99,
    memory: Annotated[str | None, typer.Option(help="What an engine may take, such as '512 MB'.")] = None,
    encoder: Model = None,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Make an index of vectors. Interrupted, it goes on with the rows that are missing when it is started again.

    Rows without ids get their number.

    Example: keras-similarity index build vectors.parquet my.index
    """
    from keras_similarity.cli.adding import add_batch
    from keras_similarity.cli.unfinished import BUILD, Unfinished, fingerprint
    from keras_similarity.cli.vectors import source_files, vector_batches
    from keras_similarity.index import Index

    options = {"engine": engine, "recall": recall, "memory": memory}
    about = options | {"distance": distance, "source": fingerprint(source_files(vectors)), "encoder": str(encoder)}
    unfinished = Unfinished(
        index / BUILD,
        about,
        f"{index} was left by a build of other vectors, with other options, or by another version.\n"
        "  Build as then to go on, or delete the folder to begin anew.",
    )
    kept = unfinished.kept()
    if kept is None:
        _check_new(index)
    made: Any = None if kept is None else Index.open(index)
    rows = 0 if kept is None else kept["rows"]
    try:
        for batch in vector_batches(vectors, encoder, image_pixels, first=rows):
            if made is None:
                made = Index(batch.vectors.shape[1], distance, **options, store=index)
                unfinished.keep(rows=0)
            add_batch(made, batch, rows)
            rows += len(batch.vectors)
            unfinished.keep(rows=rows)
        if made is None:
            raise ValueError(f"{vectors} holds no vectors.\n  Embed something first.")
        made.build()
        unfinished.forget()
        show_values({"index": str(index)} | made.describe(), as_json=as_json)
    except KeyboardInterrupt:
        say(f"{rows} rows are in; the same command goes on from there")
        raise
    finally:
        if made is not None:
            _close(made, index, unfinished)


@index_commands.command()
def add(
    vectors: Source,
    index: IndexPath,
    encoder: Model = None,
    image_pixels: ImagePixels = PHOTO_PIXELS,
    as_json: AsJson = False,
) -> None:
    """Add vectors, or replace those whose id is there already. Interrupted, it adds what is missing when started again.

    Rows without ids get the numbers that the index counts.

    Example: keras-similarity index add more.parquet my.index
    """
    from keras_similarity.cli.adding import Adding
    from keras_similarity.cli.vectors import vector_batches

    with _opened_to_change(index) as found:
        before = len(found)
        adding = Adding(found, index, vectors)
        try:
            for batch in vector_batches(vectors, encoder, image_pixels, first=adding.rows):
                adding.add(batch)
        except KeyboardInterrupt:
            say(f"{adding.rows} rows are in; the same command adds what is missing")
            raise
        adding.finish()
        show_values({"added": len(found) - before, "items": len(found)}, as_json=as_json)


@index_commands.command()
def remove(
    index: IndexPath,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids; digits are a number, JSON strings are text.")] = None,
    where: Annotated[str | None, typer.Option(help='A filter, such as {"label": "cat"}.')] = None,
    as_json: AsJson = False,
) -> None:
    """Remove items by id, or those that satisfy a filter.

    Example: keras-similarity index remove my.index 17 cats/3.png
    """
    from keras_similarity.cli.query import item_id, parse_filter

    if bool(ids) == (where is not None):
        raise typer.BadParameter('name ids, or --where, and not both: 17 cats/3.png, or --where \'{"label": "cat"}\'')
    chosen, conditions = [item_id(value) for value in ids or []], parse_filter(where)
    with _opened_to_change(index) as found:
        if conditions is not None:
            chosen = [record.id for record in found.records(where=conditions)]
        show_values({"removed": found.remove(chosen), "items": len(found)}, as_json=as_json)


@index_commands.command()
def info(index: IndexPath, as_json: AsJson = False) -> None:
    """Tell what an index holds and how it answers."""
    from keras_similarity.index import Index

    with Index.open(index, read_only=True) as found:
        found.wait()
        show_values(found.describe(), as_json=as_json)


@index_commands.command()
def check(
    index: IndexPath,
    repair: Annotated[bool, typer.Option("--repair", help="Go on without what is damaged.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every byte; exit with 3 where something is damaged and not repaired."""
    from keras_similarity.errors import CorruptIndexError
    from keras_similarity.index import Index

    if repair:
        report = Index.repair(index)
    else:
        with Index.open(index, read_only=True) as found:
            report = found.check()
    names = ("problems", "lost_items", "lost_records", "repaired")
    show_values({"ok": report.ok} | {name: getattr(report, name) for name in names}, as_json=as_json)
    if not report.ok:
        raise CorruptIndexError(f"{index} is damaged.\n  Restore a snapshot, or go on without what is lost: --repair")


@index_commands.command()
def compact(index: IndexPath, as_json: AsJson = False) -> None:
    """Give back the room of removed items."""
    with _opened_to_change(index) as found:
        found.compact()
        show_values(found.describe(), as_json=as_json)


@index_commands.command()
def snapshot(
    index: IndexPath, target: Annotated[Path, typer.Argument(help="Folder to be made.")], as_json: AsJson = False
) -> None:
    """Copy an index as it is now, while others write to it."""
    _copy(index, target)
    show_values({"snapshot": str(target)}, as_json=as_json)


@index_commands.command()
def restore(
    snapshot: Annotated[Path, typer.Argument(help="A snapshot.")], index: IndexPath, as_json: AsJson = False
) -> None:
    """Make an index of a snapshot, every byte checked; one that is there is left alone."""
    _copy(snapshot, index)
    show_values({"index": str(index)}, as_json=as_json)


def _check_new(folder: Path) -> None:
    """Raise a FileExistsError unless an index can be made here."""
    from keras_similarity.index.stores.disk.folder import check_free, is_store

    if is_store(folder):
        raise FileExistsError(
            f"an index lives in {folder} already.\n"
            "  Add to it with `keras-similarity index add`, or choose another folder."
        )
    check_free(folder)


def _close(made: Any, folder: Path, unfinished: Any) -> None:
    """Close what a build made; where it ended before a row came in, delete it, or mended vectors would meet it."""
    useless = len(made) == 0 and unfinished.kept() is not None
    made.close()
    if useless:
        shutil.rmtree(folder)


@contextmanager
def _opened_to_change(path: Path) -> Generator[Any]:
    """Open an index whose changes stay.

    Raises:
        ValueError: one that `save` wrote.
    """
    from keras_similarity.index import Index
    from keras_similarity.index.stores.disk.folder import is_store

    with Index.open(path) as index:
        if not is_store(path):
            raise ValueError(
                f"{path} is an index that was saved, and is read into memory: what is changed would be lost.\n"
                "  Make one that lives in a folder: `export` it to Parquet, and `index build` from that."
            )
        yield index


def _copy(source: Path, target: Path) -> None:
    """Copy an index with its calibration."""
    from keras_similarity.calibrate.kept import CALIBRATION_FILE, read_calibration
    from keras_similarity.index import Index

    _check_new(target)
    calibration = read_calibration(source)
    with Index.open(source, read_only=True) as found:
        found.snapshot(target)
    if calibration is not None:
        calibration.save(target / CALIBRATION_FILE)
