"""`keras-similarity import-tfsim`: an index that TensorFlow Similarity saved."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import show_values

__all__ = ["import_tfsim"]

COLUMNS = ("data", "labels")


def import_tfsim(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What was given to `save_index`.")],
    index: Annotated[Path, typer.Option("--output", "-o", help="Folder of the index to be made.")],
    without: Annotated[list[str] | None, typer.Option(help="Leave out data, or labels; can be given twice.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an index of one that TensorFlow Similarity saved; no pickle in it is run.

    Example: keras-similarity import-tfsim saved_model -o my.index --without data
    """
    from keras_similarity.export import read_tfsim
    from keras_similarity.index import Index
    from keras_similarity.index.stores.disk.folder import check_free

    left_out = set(without or ())
    if not left_out <= set(COLUMNS):
        raise typer.BadParameter(f"--without must be one of {', '.join(COLUMNS)}: got {', '.join(sorted(left_out))}")
    check_free(index)
    found = read_tfsim(folder, labels="labels" not in left_out, data="data" not in left_out)
    with Index(found.embeddings.shape[1], found.distance, store=index) as made:
        try:
            made.add(found.embeddings, found.labels, data=found.data)
        except BaseException:  # such as NaN among its rows: no empty index stays behind
            made.close()
            shutil.rmtree(index)
            raise
        values = {"index": str(index), "items": len(made), "dim": made.dim, "distance": str(made.distance)}
    show_values(values | {"thresholds_left_behind": found.cutpoints or None}, as_json=as_json)
