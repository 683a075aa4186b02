"""`keras-similarity explore`: look at an index in a browser."""

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import EncoderOption
from keras_similarity.cli.output import say
from keras_similarity.cli.serve import (
    READ_KEYS,
    WRITE_KEYS,
    Deadline,
    ImageFolder,
    ImageLimit,
    KeyFile,
    ModelDigest,
    encoder_loader,
    keys_from,
    make_explorer,
    port_told,
    require_serving,
)

__all__ = ["explore"]


def explore(
    indexes: Annotated[list[Path], typer.Argument(metavar="INDEX…", help="Folders; each is named by its stem.")],
    port: Annotated[int, typer.Option(help="0 for a free one.", min=0, max=65535)] = 0,
    encoder: EncoderOption = None,
    model_sha256: ModelDigest = None,
    points: Annotated[int, typer.Option(min=1, help="Drawn at a time; zooming in draws others.")] = 50_000,
    map_method: Annotated[
        str,
        typer.Option("--map", help="pca, in seconds; pacmap, clearer, 1 s for 1000 items; auto: pacmap if it can."),
    ] = "auto",
    images: ImageFolder = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse changes.")] = False,
    api_key_file: KeyFile = None,
    read_key_file: KeyFile = None,
    image_bytes: ImageLimit = 10_000_000,
    image_pixels: ImageLimit = 20_000_000,
    deadline: Deadline = 30.0,
) -> None:
    """Show a map of indexes on a page of this machine, until Ctrl-C.

    It is `serve --explorer` on loopback, with fewer limits, and takes keys from the same files and variables; the
    page asks for one then.

    Example: keras-similarity explore my.index --encoder model.keras --images images/
    """
    require_serving()
    from keras_similarity.serve import ApiKeys, Limits, Metrics, Service, run_server, served_indexes

    explorer = make_explorer(points, map_method, images)
    keys = ApiKeys(keys_from(api_key_file, WRITE_KEYS), keys_from(read_key_file, READ_KEYS))
    pixels = max(image_pixels, Limits().request_pixels)
    limits = Limits(
        image_bytes=image_bytes, image_pixels=image_pixels, request_pixels=pixels, deadline_seconds=deadline
    )
    metrics = Metrics()
    service = Service(
        served_indexes(indexes, limits, metrics, read_only=read_only),
        keys=keys,
        limits=limits,
        metrics=metrics,
        explorer=explorer,
    )

    def started(address: str) -> None:
        page = f"{address}/explorer/"
        say(f"exploring at {page}")
        if browser:  # some browsers return when they are closed
            threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

    load = encoder_loader(encoder, model_sha256)
    with port_told(port):
        run_server(service, port=port, load_encoder=load, started=started)
