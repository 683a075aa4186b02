"""An index as files: a manifest that names every file with its size and CRC-32, and one .npy file per array.

Nothing is unpickled, and nothing is used before its checksum was compared: what every search needs when it is opened,
and what people keep beside the embeddings, often the bulk of it, when it is first looked at. A folder appears whole or
not at all.
"""

import io
import json
import logging
import mmap
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.errors import CorruptIndexError, IndexFormatError
from keras_similarity.index.columns import Deferred
from keras_similarity.index.replacing import replace_whole, set_aside, take_back
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["as_files", "is_index_folder", "read_files", "read_folder", "replace_folder", "write_folder"]

logger = logging.getLogger(__name__)

FORMAT = "keras-similarity index"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
DEFERRED = ("data-", "metadata-")  # arrays that are read when they are first asked for
CACHES = ("graph.npy",)  # what can be computed again from the rest
HEADER_BYTES = 4096  # more than the header of any array here

Arrays = dict[str, NDArray[Any]]
Parts = tuple[bytes | memoryview, ...]
MaybeDeferred = dict[str, NDArray[Any] | Deferred]


def is_index_folder(path: str | os.PathLike[str]) -> bool:
    """Whether an index was written to this folder."""
    return Path(path, MANIFEST).is_file()


def as_files(arrays: Arrays, settings: dict[str, Any]) -> Iterator[tuple[str, Parts]]:
    """Yield the name and the content, in parts, of every file that keeps arrays and settings, the manifest last."""
    files: dict[str, Any] = {}
    for name, array in arrays.items():
        header, body = _npy_parts(array)
        files[f"{name}.npy"] = {"bytes": len(header) + len(body), "crc32": _crc32(header, body)}
        yield f"{name}.npy", (header, body)
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, "settings": settings, "files": files}
    text = json.dumps({**manifest, "crc32": _crc32(_canonical(manifest))}, indent=1)
    yield MANIFEST, (text.encode(),)


def write_folder(path: str | os.PathLike[str], arrays: Arrays, settings: dict[str, Any], *, sync: bool = False) -> None:
    """Write arrays and settings into an existing folder, the manifest last; `sync` waits for the disk."""
    for name, parts in as_files(arrays, settings):
        _write(Path(path, name), *parts, sync=sync)


def replace_folder(path: str | os.PathLike[str], arrays: Arrays, settings: dict[str, Any]) -> None:
    """Write a folder beside `path`, then put it in its place; an index that was there survives any failure before.

    Raises:
        FileExistsError: `path` exists, and is neither empty nor holds an index.
    """
    target = Path(path)
    if target.exists() and not is_index_folder(target) and not _is_empty(target):
        raise FileExistsError(f"{target} exists and is not an index: it is left alone.\n  Choose another path.")
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(target, lambda fresh: write_folder(fresh, arrays, settings, sync=True))


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def read_folder(path: str | os.PathLike[str]) -> tuple[MaybeDeferred, dict[str, Any]]:
    """Return the arrays and settings that were written, every byte checked before it is used.

    The folder may be deleted while its arrays are in use, but not changed.

    Raises:
        FileNotFoundError: no index is there. One that a save moved aside before it was killed is put back first.
        IndexFormatError: another format, or a newer version of it.
        CorruptIndexError: a file is missing, cut or changed; the message names it. A change in data or metadata shows
            when they are first read.
    """
    folder = Path(path)
    if not is_index_folder(folder):
        take_back(folder)
    if not is_index_folder(folder):
        raise FileNotFoundError(f"no index at {folder}: {MANIFEST} is not there{_way_out(folder)}")
    return read_files(folder, lambda name: _map_file(folder / name))


def _way_out(folder: Path) -> str:
    aside = set_aside(folder)
    if not aside:
        return ".\n  Check the path."
    return (
        f"; {aside[-1].name} beside it was moved aside by a save that did not end.\n"
        "  When no process saves there any more, rename it to have that index back, or save anew."
    )


def read_files(where: Path, read: Callable[[str], NDArray[np.uint8]]) -> tuple[MaybeDeferred, dict[str, Any]]:
    """Return the arrays and settings that `as_files` made, every byte checked before it is used.

    Args:
        where: What errors call the place.
        read: Name of a file -> its bytes, uint8, which nobody changes later; CorruptIndexError where there are none.

    Raises:
        IndexFormatError, CorruptIndexError: see `read_folder`.
    """
    manifest = _manifest(where / MANIFEST, read(MANIFEST).tobytes())
    arrays: MaybeDeferred = {}
    for name, expected in manifest["files"].items():
        try:
            content = read(Path(name).name)
            if len(content) != expected["bytes"]:
                raise _damaged(where / name, f"it has {len(content)} bytes instead of {expected['bytes']}")
            check = _Check(where / name, content, expected["crc32"])
            arrays[Path(name).stem] = Deferred(check) if name.startswith(DEFERRED) else check()
        except CorruptIndexError as error:
            if name not in CACHES:
                raise
            logger.warning("%s is left aside, and made anew when it is needed: %s", name, error)
    return arrays, manifest["settings"]


class _Check:
    """Compares a file's content with its checksum, and returns it as an array."""

    def __init__(self, path: Path, content: NDArray[np.uint8], crc32: int) -> None:
        self._path, self._content, self._crc32 = path, content, crc32

    def __call__(self) -> NDArray[Any]:
        if _crc32(self._content.data) != self._crc32:
            raise _damaged(self._path, "its checksum does not match")
        stream = io.BytesIO(self._content[:HEADER_BYTES].tobytes())
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
        return self._content[stream.tell() :].view(dtype).reshape(shape)


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        body = {key: value for key, value in manifest.items() if key != "crc32"}
        found, version, crc32 = manifest["format"], manifest["format_version"], manifest["crc32"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(path, "it is no manifest") from error
    if found != FORMAT or version != FORMAT_VERSION:
        raise IndexFormatError(
            f"{path} has format {found!r}, version {version}; this release reads {FORMAT!r}, "
            f"version {FORMAT_VERSION}.\n  Upgrade with: pip install -U keras-similarity"
        )
    if crc32 != _crc32(_canonical(body)):
        raise _damaged(path, "its checksum does not match")
    return manifest


def _npy_parts(array: NDArray[Any]) -> tuple[bytes, memoryview]:
    """Return the header of a .npy file and its content, which is not copied."""
    contiguous = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    content = contiguous.reshape(-1).view(np.uint8) if contiguous.size else np.empty(0, np.uint8)
    return header.getvalue(), content.data


def _map_file(path: Path) -> NDArray[np.uint8]:
    """Return a file's bytes: mapped where a mapped file may be deleted, as Keras deletes its own; else read."""
    if not path.is_file():  # to open a pipe would wait for somebody who writes to it
        raise _damaged(path, "it is missing, or no file")
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_size:
                return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
            return np.frombuffer(file.read(), np.uint8)
    except OSError as error:
        raise _damaged(path, "it cannot be read") from error


def _write(path: Path, *parts: bytes | memoryview, sync: bool) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    at_write_point("file of a saved index written")


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True).encode()


def _crc32(*parts: bytes | memoryview) -> int:
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


def _damaged(path: Path, what: str) -> CorruptIndexError:
    return CorruptIndexError(
        f"{path.name} of the index in {path.parent} is damaged: {what}.\n"
        "  Restore it from a backup, or index the data again."
    )
