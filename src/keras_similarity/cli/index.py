"""`keras-similarity index …`: what becomes of an index on disk."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import AsJson
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
    as_json: AsJson = False,
) -> None:
    """Make an index of vectors. Interrupted, it holds what came so far, and `index add` goes on.

    Example: keras-similarity index build vectors.parquet my.index
    """
    from keras_similarity.cli.vectors import vector_batches
    from keras_similarity.index import Index
    from keras_similarity.index.stores.disk.folder import check_free

    check_free(index)
    made: Any = None
    try:
        for batch in vector_batches(vectors, encoder):
            if made is None:
                dim = batch.vectors.shape[1]
                made = Index(dim, distance, engine=engine, recall=recall, memory=memory, store=index)
            _add(made, batch)
        if made is None:
            raise ValueError(f"{vectors} holds no vectors.\n  Embed something first.")
        made.build()
        show_values({"index": str(index)} | made.describe(), as_json=as_json)
    except KeyboardInterrupt:
        say(f"{len(made) if made is not None else 0} items are in; go on with: keras-similarity index add")
        raise
    finally:
        if made is not None:
            made.close()


@index_commands.command()
def add(vectors: Source, index: IndexPath, encoder: Model = None, as_json: AsJson = False) -> None:
    """Add vectors, or replace those whose id is there already.

    Example: keras-similarity index add more.parquet my.index
    """
    from keras_similarity.cli.vectors import vector_batches
    from keras_similarity.index import Index

    with Index.open(index) as found:
        before = len(found)
        for batch in vector_batches(vectors, encoder):
            _add(found, batch)
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
    from keras_similarity.index import Index

    if bool(ids) == (where is not None):
        raise typer.BadParameter("name ids, or --where, and not both")
    with Index.open(index) as found:
        chosen = [item_id(value) for value in ids or []]
        if where is not None:
            chosen = [record.id for record in found.records(where=parse_filter(where))]
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
    from keras_similarity.index import Index

    with Index.open(index) as found:
        found.compact()
        show_values(found.describe(), as_json=as_json)


@index_commands.command()
def snapshot(index: IndexPath, target: Annotated[Path, typer.Argument(help="Folder to be made.")]) -> None:
    """Copy an index as it is now, while others write to it."""
    _copy(index, target)
    show_values({"snapshot": str(target)}, as_json=False)


@index_commands.command()
def restore(snapshot: Annotated[Path, typer.Argument(help="A snapshot.")], index: IndexPath) -> None:
    """Make an index of a snapshot, every byte checked; one that is there is left alone."""
    _copy(snapshot, index)
    show_values({"index": str(index)}, as_json=False)


def _add(index: Any, batch: Any) -> None:
    index.add(batch.vectors, batch.labels, ids=batch.ids, metadata=_plain(batch.metadata))


def _plain(metadata: Any) -> Any:
    """Return metadata of a foreign file as JSON values: dates and the like become text."""
    return None if metadata is None else json.loads(json.dumps(metadata, default=str))


def _copy(source: Path, target: Path) -> None:
    """Copy an index with its calibration."""
    import shutil

    from keras_similarity.cli.calibrate import CALIBRATION_FILE
    from keras_similarity.index import Index

    with Index.open(source, read_only=True) as found:
        found.snapshot(target)
    if (source / CALIBRATION_FILE).is_file():
        shutil.copy2(source / CALIBRATION_FILE, target / CALIBRATION_FILE)
