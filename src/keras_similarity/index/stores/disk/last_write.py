"""A note of the last write, beside the database: so that a log that lost its end is noticed.

SQLite reads its log up to the first frame that is damaged, and takes what came before for all there was. The note is
written after each commit, so it is never ahead of a sound log.
"""

import contextlib
import os
import struct
import zlib
from pathlib import Path

from keras_similarity.errors import CorruptIndexError

__all__ = ["LastWrite"]

FILE = "last_write"
FORMAT = struct.Struct("<QI")  # generation, checksum


class LastWrite:
    """The note in a folder.

    Args:
        folder: Where the index is.
        keep: Whether to write it; not where a power cut may take the last writes by agreement.
    """

    def __init__(self, folder: Path, *, keep: bool) -> None:
        self._path = folder / FILE
        self._keep = keep

    def generation(self) -> int:
        """Return the generation noted, 0 without a sound note."""
        try:
            content = self._path.read_bytes() if self._path.is_file() else b""
        except OSError:
            return 0
        if len(content) != FORMAT.size:
            return 0
        generation, crc = FORMAT.unpack(content)
        return generation if crc == zlib.crc32(content[:8]) else 0

    def note(self, generation: int) -> None:
        """Write it down; that this fails harms nothing."""
        body = struct.pack("<Q", generation)
        with contextlib.suppress(OSError):
            if self._keep:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
                try:
                    os.write(descriptor, FORMAT.pack(generation, zlib.crc32(body)))
                finally:
                    os.close(descriptor)
            else:
                self._path.unlink(missing_ok=True)

    def check(self, noted: int, found: int) -> None:
        """Raise a CorruptIndexError when the database is behind the note."""
        if noted > found:
            raise CorruptIndexError(
                f"the index in {self._path.parent} lost its last {noted - found} writes: its database's log is damaged."
                "\n"
                "  `Index.repair(path)` goes on from what is left; a snapshot may have more."
            )
