"""`keras-similarity serve`: an index over HTTP."""

import errno
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_similarity.cli.options import EncoderOption
from keras_similarity.cli.output import say

if TYPE_CHECKING:
    from keras_similarity.embed import Encoder
    from keras_similarity.serve import Explorer

__all__ = [
    "READ_KEYS",
    "WRITE_KEYS",
    "Deadline",
    "ImageFolder",
    "ImageLimit",
    "KeyFile",
    "ModelDigest",
    "encoder_loader",
    "keys_from",
    "make_explorer",
    "port_told",
    "require_serving",
    "serve",
]

KeyFile = Annotated[Path | None, typer.Option(help="File with a key a line.")]
ImageFolder = Annotated[
    Path | None, typer.Option(help="Folder in which an item's id is the path of its image, for the explorer page.")
]
ModelDigest = Annotated[str | None, typer.Option(help="What sha256sum says of that model; refuse another.")]
ImageLimit = Annotated[int, typer.Option(min=1, help="Of an image.")]
Deadline = Annotated[float, typer.Option(help="Seconds for an answer.")]
INDEXES = "KERAS_SIMILARITY_INDEXES"  # of the program's environment: a URL may hold a password
WRITE_KEYS, READ_KEYS = "KERAS_SIMILARITY_API_KEYS", "KERAS_SIMILARITY_READ_KEYS"  # keys, separated by commas


def serve(
    indexes: Annotated[
        list[str],
        typer.Argument(
            metavar="INDEX…", envvar=INDEXES, help="Folders, or URLs of databases; named by its stem, or its table."
        ),
    ],
    host: Annotated[str, typer.Option(help="Where to listen; others than loopback need keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for a free one.", min=0, max=65535)] = 8000,
    encoder: EncoderOption = None,
    model_sha256: ModelDigest = None,
    api_key_file: KeyFile = None,
    read_key_file: KeyFile = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen on another host without keys.")] = False,
    allowed_host: Annotated[list[str] | None, typer.Option(help="Another name that clients may call it by.")] = None,
    snapshots: Annotated[Path | None, typer.Option(help="Folder for snapshots; without it none are made.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse changes.")] = False,
    max_k: Annotated[int, typer.Option(min=1, help="Neighbours of a query.")] = 1000,
    max_neighbors: Annotated[int, typer.Option(min=1, help="Of a request: its queries times k.")] = 100_000,
    answer_bytes: Annotated[int, typer.Option(min=1, help="Of an answer with neighbours.")] = 50_000_000,
    batch: Annotated[int, typer.Option(min=1, help="Queries or items of a request.")] = 256,
    body_bytes: Annotated[int, typer.Option(min=1, help="Of a body.")] = 10_000_000,
    metadata_bytes: Annotated[int, typer.Option(min=1, help="Of an item's metadata.")] = 16_384,
    metadata_depth: Annotated[int, typer.Option(min=1, help="Its levels.")] = 8,
    image_bytes: ImageLimit = 10_000_000,
    image_pixels: ImageLimit = 20_000_000,
    request_pixels: Annotated[int, typer.Option(min=1, help="Of all images of a request.")] = 100_000_000,
    in_flight: Annotated[int, typer.Option(min=1, help="Requests answered at a time.")] = 256,
    queue: Annotated[int, typer.Option(min=1, help="Rows that wait for model or index.")] = 1024,
    connections: Annotated[int, typer.Option(min=1, help="Open at a time.")] = 1024,
    deadline: Deadline = 30.0,
    read_timeout: Annotated[float, typer.Option(help="Seconds for headers, and for a body.")] = 10.0,
    keep_alive: Annotated[float, typer.Option(help="Seconds that an idle connection stays.")] = 5.0,
    stop_timeout: Annotated[float, typer.Option(help="Seconds for requests under way at the end.")] = 10.0,
    explorer: Annotated[bool, typer.Option("--explorer", help="Have the explorer page at /explorer/.")] = False,
    images: ImageFolder = None,
) -> None:
    """Serve indexes until SIGTERM or Ctrl-C; SIGHUP opens them anew.

    Keys come from files, or from the variables KERAS_SIMILARITY_API_KEYS and KERAS_SIMILARITY_READ_KEYS.

    Example: keras-similarity serve my.index --encoder model.keras
    """
    require_serving()
    import keras_similarity.serve as server

    limits = server.Limits(
        body_bytes=body_bytes,
        batch=batch,
        k=max_k,
        neighbors=max_neighbors,
        answer_bytes=answer_bytes,
        metadata_bytes=metadata_bytes,
        metadata_depth=metadata_depth,
        image_bytes=image_bytes,
        image_pixels=image_pixels,
        request_pixels=request_pixels,
        in_flight=in_flight,
        queue=queue,
        connections=connections,
        deadline_seconds=deadline,
        read_seconds=read_timeout,
        keep_alive_seconds=keep_alive,
        stop_seconds=stop_timeout,
    )
    keys = server.ApiKeys(keys_from(api_key_file, WRITE_KEYS), keys_from(read_key_file, READ_KEYS))
    _check_images(images, explorer=explorer)
    metrics = server.Metrics()
    local = server.LOOPBACK | {name.lower() for name in allowed_host or []}
    service = server.Service(
        server.served_indexes([_place(index) for index in indexes], limits, metrics, read_only=read_only),
        keys=keys,
        limits=limits,
        metrics=metrics,
        hosts=local if allowed_host or server.is_loopback(host) else None,
        snapshots=snapshots,
        explorer=make_explorer(images=images) if explorer else None,
    )
    load = encoder_loader(encoder, model_sha256)
    with port_told(port):
        server.run_server(service, host=host, port=port, insecure=insecure, load_encoder=load, started=_say_where)


def require_serving() -> None:
    """Raise a MissingExtraError, before anything is opened, where a server's packages are not installed."""
    from keras_similarity.core.extras import import_extra

    for package in ("litestar", "httptools", "prometheus_client"):
        import_extra(package, extra="serve", purpose="`serve`")


def make_explorer(points: int = 50_000, method: str = "auto", images: Path | None = None) -> "Explorer":
    """Return what the explorer page asks, with the maps that pictures have too.

    Raises:
        FileNotFoundError: there is no folder of images.
    """
    from keras_similarity.core.checks import check_choice
    from keras_similarity.serve import Explorer
    from keras_similarity.visualization.projection import METHODS, project

    check_choice(method, METHODS, name="map")
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"no folder is at {images}.\n  Check the path.")
    return Explorer(lambda rows: project(rows, method=method), most_points=points, images=images)


def encoder_loader(path: Path | None, sha256: str | None = None) -> "Callable[[], Encoder] | None":
    """Return what loads a model, None without one; see `open_encoder`.

    Raises:
        FileNotFoundError: it is not there, which is not to be found out while a server answers "not ready".
        ValueError: a digest of no model.
    """
    from keras_similarity.cli.encoders import open_encoder

    if path is None and sha256 is not None:
        raise ValueError("`--model-sha256` says which model is meant: got it without one.\n  Pass --encoder MODEL too.")
    if path is not None and not path.is_file():
        raise FileNotFoundError(f"no model is at {path}.\n  Check --encoder.")
    return None if path is None else lambda: open_encoder(path, sha256)


def _check_images(images: Path | None, *, explorer: bool) -> None:
    if images is not None and not explorer:
        raise ValueError(
            f"`--images` is for the explorer page: got {str(images)!r} without it.\n  Pass --explorer too."
        )


def _place(index: str) -> Path | str:
    from keras_similarity.index.remote import is_address

    return index if is_address(index) else Path(index)


@contextmanager
def port_told(port: int) -> Generator[None]:
    """Have a port that is in use told of, with the option for another."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OSError(f"port {port} is in use by another program.\n  Choose another with --port.") from error


def _say_where(address: str) -> None:
    say(f"serving at {address}")


def keys_from(path: Path | None, variable: str) -> list[str]:
    """Return keys from a file and from the environment, never from the command line, which others can see.

    Raises:
        OSError: the file cannot be read.
        ValueError: one of them is given and holds no key: who gives it does not mean a server without keys.
    """
    sources = {} if path is None else {f"the file {path}": _read_keys(path)}
    if variable in os.environ:
        sources[f"the variable {variable}"] = [key for key in os.environ[variable].split(",") if key]
    for source, keys in sources.items():
        if not keys:
            raise ValueError(f"{source} is to hold API keys: got none.\n  Put one there, or leave it out.")
    return [key for keys in sources.values() for key in keys]


def _read_keys(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no file of API keys is at {path}.\n  Check the path.") from error
    except OSError as error:
        raise type(error)(
            f"the file of API keys {path} cannot be read: {error.strerror}.\n  Check the path."
        ) from error
