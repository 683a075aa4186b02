"""`keras-similarity report`: an index on one page, to read or to send."""

from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import show_values

__all__ = ["report"]


def report(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("report.html"),
    images: Annotated[Path | None, typer.Option(help="Folder in which an item's id is the path of its image.")] = None,
    title: Annotated[str | None, typer.Option(help="Above the page; the index's name by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of the samples.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Write numbers, pictures and what is wrong with the data to one HTML file.

    Example: keras-similarity report my.index --images images/ -o report.html
    """
    from keras_similarity.calibrate import read_calibration
    from keras_similarity.core.image_folder import image_bytes
    from keras_similarity.index import Index
    from keras_similarity.visualization import report as make_report

    for folder in (images, out.parent):
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"no folder is at {folder}.\n  Check the path.")
    with Index.open(index, read_only=True) as found:
        page = make_report(
            found,
            images=None if images is None else lambda item_id: image_bytes(images, item_id),
            calibration=read_calibration(index),
            title=title or f"Report of {index.resolve().name}",
            seed=seed,
        )
        written = page.save(out)
        show_values({"written": str(written), "items": len(found), "bytes": written.stat().st_size}, as_json=as_json)
