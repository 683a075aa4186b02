"""Segments: files of rows that are written once, named by the database, and never changed.

A file is a page that describes it, then its sections (vectors, ids, label codes, row numbers), then their checksums.
The database keeps the checksum of the first page, which covers the checksums of all others: a segment of another index,
or of another time, is not taken for this one.
"""

import io
import json
import mmap
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.errors import CorruptIndexError
from keras_similarity.index.stores.disk.files import explained, write_whole
from keras_similarity.index.stores.disk.mapped import Checked, MappedMatrix, TextColumn, crcs_of

__all__ = ["Segment", "SegmentName", "write_segment"]

MAGIC = b"KSIMSEG1"
PAGE_BYTES = 4096
ALIGNMENT = 4096  # of a section: so that its rows can be mapped as numbers


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What the database says of a segment.

    Args:
        number: Its number, never used again.
        count: How many rows it has.
        first, last: The numbers of its first and last row; 0 and -1 where everything was removed.
        bytes: Size of the file.
        crc: Checksum of the first page.
    """

    number: int
    count: int
    first: int
    last: int
    bytes: int
    crc: int

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.number:08d}.segment"


class Segment:
    """A mapped segment.

    Args:
        folder: Where segments are.
        name: What the database says of it.

    Raises:
        CorruptIndexError: the file is missing, cut, or not the one named. Its rows are checked when they are read.
    """

    def __init__(self, folder: Path, name: SegmentName) -> None:
        self.name = name
        self.path = folder / name.file
        content = self._mapped()
        self._content = content
        self._sections = self._described()
        ids = self._section("ids") if "ids" in self._sections else None
        self.ids = TextColumn(self._section("id text"), self._section("id stops")) if ids is None else ids
        self.codes = self._section("codes")
        self.numbers = self._section("rows")
        self.vectors = self._section("vectors")
        self.matrix = MappedMatrix(self.vectors)

    def parts(self) -> dict[str, Checked]:
        """Return every section by its name."""
        return {name: self._section(name) for name in self._sections}

    def _mapped(self) -> NDArray[np.uint8]:
        if not self.path.is_file():  # to open a pipe would wait for somebody who writes to it
            raise self._damaged("it is missing")
        try:
            with explained(self.path), self.path.open("rb") as file:
                found = os.fstat(file.fileno()).st_size
                if found != self.name.bytes:
                    raise self._damaged(f"it has {found} bytes instead of {self.name.bytes}")
                return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        except FileNotFoundError as error:
            raise self._damaged("it is missing") from error

    def _described(self) -> dict[str, Any]:
        page = self._content[:PAGE_BYTES].tobytes()
        if zlib.crc32(page) != self.name.crc:
            raise self._damaged("its first page is not the one that was written")
        about = json.loads(page[len(MAGIC) :].rstrip(b"\0"))
        start, size, crc = about["checksums"]
        table = self._content[start : start + size]
        if zlib.crc32(table.data) != crc:
            raise self._damaged("its checksums do not match their own")
        self._crcs = table.view(np.uint32)
        return about["sections"]

    def _section(self, name: str) -> Checked:
        about = self._sections[name]
        dtype, shape, (first, count) = np.dtype(about["dtype"]), about["shape"], about["crcs"]
        size = dtype.itemsize * int(np.prod(shape))
        array = self._content[about["start"] : about["start"] + size].view(dtype).reshape(shape)
        return Checked(array, self._crcs[first : first + count], lambda low, high: self._damaged_rows(name, low, high))

    def _damaged_rows(self, section: str, first: int, last: int) -> CorruptIndexError:
        return self._damaged(f"the {section} of its rows {first} to {last} have changed")

    def _damaged(self, what: str) -> CorruptIndexError:
        return CorruptIndexError(
            f"{self.name.file} of the index in {self.path.parent.parent} is damaged: {what}.\n"
            "  `Index.repair(path)` removes what is lost and names it; a snapshot brings it back."
        )


def write_segment(
    folder: Path,
    number: int,
    vectors: NDArray[Any],
    ids: Ids,
    codes: NDArray[np.int32],
    numbers: NDArray[np.int64],
) -> SegmentName:
    """Write rows to a file of their own and wait for the disk.

    Args:
        folder: Where segments are.
        number: One that no segment ever had.
        vectors: `(n, d)` float32 or float16.
        ids: `(n,)`.
        codes: Label codes `(n,)`.
        numbers: The numbers of the rows `(n,)`, ascending.

    Raises:
        StorageError: the disk refused.
    """
    sections = {"vectors": np.ascontiguousarray(vectors), "codes": codes, "rows": numbers} | _id_sections(ids)
    crcs = {name: crcs_of(array) for name, array in sections.items()}
    page, starts, table_start = _page(sections, crcs)

    def write(file: IO[bytes]) -> None:
        file.write(page)
        for name, array in sections.items():
            file.seek(starts[name])
            file.write(array.reshape(-1).view(np.uint8).data)
        file.seek(table_start)
        for part in crcs.values():
            file.write(part.data)

    size = table_start + 4 * sum(map(len, crcs.values()))
    first, last = (int(numbers[0]), int(numbers[-1])) if len(numbers) else (0, -1)
    name = SegmentName(number, len(numbers), first, last, size, zlib.crc32(page))
    write_whole(folder / name.file, write)
    return name


def _page(sections: dict[str, NDArray[Any]], crcs: dict[str, NDArray[np.uint32]]) -> tuple[bytes, dict[str, int], int]:
    """Return the first page, where each section starts, and where the checksums do."""
    starts, described, end, counted = {}, {}, PAGE_BYTES, 0
    for name, array in sections.items():
        starts[name] = -(-end // ALIGNMENT) * ALIGNMENT
        end = starts[name] + array.nbytes
        described[name] = {
            "start": starts[name],
            "dtype": array.dtype.str,
            "shape": array.shape,
            "crcs": [counted, len(crcs[name])],
        }
        counted += len(crcs[name])
    table_start = -(-end // ALIGNMENT) * ALIGNMENT
    table_crc = 0
    for part in crcs.values():
        table_crc = zlib.crc32(part.data, table_crc)
    about = {"sections": described, "checksums": [table_start, 4 * counted, table_crc]}
    page = io.BytesIO(MAGIC + json.dumps(about).encode()).getvalue()
    return page.ljust(PAGE_BYTES, b"\0"), starts, table_start


def _id_sections(ids: Ids) -> dict[str, NDArray[Any]]:
    if ids.dtype != object:
        return {"ids": ids}
    encoded = [value.encode() if isinstance(value, str) else b"\0%d" % value for value in ids.tolist()]
    text = np.frombuffer(b"".join(encoded), np.uint8)
    return {"id text": text, "id stops": np.cumsum([len(item) for item in encoded], dtype=np.int64)}
