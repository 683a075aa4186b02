"""The HDF5 files inside a `.keras` archive: nothing in them may lead to another file, or grow when it is read.

HDF5 can link to other files, keep a dataset's numbers in other files, or put it together of parts of them: a model of
strangers would read what this machine keeps (CVE-2026-1669). And a dataset may say that it is endless and hold nothing
(CVE-2026-0897), or refer to the same bytes over and over.
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py

__all__ = ["weight_faults"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUFFIX = ".h5"
OTHER_WEIGHTS = "model.weights.npz"  # Keras reads it, and writes none
HEADER_BYTES = 30  # of a member, before its name
MOST_EXPANSION = 100  # of a dataset, from what is stored to what it says it is
FREE_BYTES = 2**20  # that a dataset may say without storing them


def weight_faults(archive: zipfile.ZipFile) -> Iterator[str]:
    """Return what no honest file of weights holds, each in words that follow the file's name.

    Raises:
        OSError: a member that is no whole HDF5 file.
    """
    for member in archive.infolist():
        if member.filename == OTHER_WEIGHTS:
            yield f"{member.filename!r} is an archive of its own"
        with archive.open(member) as file:
            is_hdf5 = file.read(len(SIGNATURE)) == SIGNATURE
        if is_hdf5 or member.filename.endswith(SUFFIX):
            with h5py.File(_opened(archive, member), "r") as weights:
                yield from (f"{member.filename!r:.80} {fault}" for fault in _faults(weights))


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    """Return a member to look around in; where it is packed, all of it in memory."""
    file = archive.fp
    if member.compress_type != zipfile.ZIP_STORED or file is None:
        return io.BytesIO(archive.read(member))
    file.seek(member.header_offset)
    name_bytes, extra_bytes = struct.unpack("<HH", file.read(HEADER_BYTES)[26:])
    return _Window(file, member.header_offset + HEADER_BYTES + name_bytes + extra_bytes, member.file_size)


class _Window(io.RawIOBase):
    """A part of a file. What zipfile itself offers reads everything before a place to get there."""

    def __init__(self, file: BinaryIO | Any, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size = file, start, size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._place)
        content = self._file.read(max(0, min(len(view), self._size - self._place)))
        view[: len(content)] = content
        self._place += len(content)
        return len(content)


def _faults(weights: Any) -> Iterator[str]:
    waiting, seen = [weights], set()
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # groups may hold each other
            continue
        seen.add(address)
        yield from _attribute_faults(group)
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                yield f"has a link, {key!r:.80}, which can lead out of it"
                continue
            item = group[key]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                yield from _attribute_faults(item)
                yield from _dataset_faults(item)


def _attribute_faults(item: Any) -> Iterator[str]:
    for key in item.attrs:
        about = item.attrs.get_id(key)
        text = about.shape == () and h5py.check_string_dtype(about.dtype) is not None
        if about.dtype.hasobject and not text:
            yield f"keeps {key!r:.80} of {item.name!r:.80} as references"


def _dataset_faults(dataset: Any) -> Iterator[str]:
    if dataset.external or dataset.is_virtual:
        yield f"keeps {dataset.name!r:.80} in other files"
    elif dataset.dtype.hasobject:  # each of its values may be the same bytes
        yield f"keeps {dataset.name!r:.80} as references"
    elif dataset.nbytes > max(FREE_BYTES, MOST_EXPANSION * dataset.id.get_storage_size()):
        yield f"says that {dataset.name!r:.80} has {dataset.nbytes:,} bytes, and stores next to none"
