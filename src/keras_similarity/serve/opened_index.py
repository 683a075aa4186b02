"""An index as it was found at a path when that was opened, and its thresholds."""

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from keras_similarity.calibrate import CalibrationResults, read_calibration
from keras_similarity.calibrate.kept import CALIBRATION_FILE
from keras_similarity.errors import ReadOnlyIndexError, StorageError
from keras_similarity.index import Index
from keras_similarity.index.kept import as_path
from keras_similarity.index.stores.disk.folder import is_store

__all__ = ["OpenedIndex"]


class OpenedIndex:
    """An index, what belongs to it, and whether it can be written to.

    Args:
        path: Its folder, or a link to it, which may lead elsewhere later; or the URL of a database that it lives in.
        read_only: Whether to refuse writes.

    Raises:
        FileNotFoundError, IndexFormatError: see `Index.open`.
    """

    def __init__(self, path: Path | str, *, read_only: bool) -> None:
        self._folder = None if isinstance(path, str) else as_path(path, name="path").resolve()
        self._place = path if self._folder is None else self._folder
        self._saved = self._folder is not None and not is_store(self._folder)
        self._thresholds_written = self._thresholds_file()
        self.calibration = self._thresholds()  # before the index: where they are damaged, nothing is left open
        self.index = Index.open(self._place, read_only=read_only or self._saved)
        self.refused = False  # a write, by the disk, for good
        self._items = len(self.index)

    @property
    def items(self) -> int:
        """How many items there are; of a database, as it was when it was last looked at: it may be away."""
        return self._items if self._folder is None else len(self.index)

    def change(self, call: Callable[[Index], Any]) -> Any:
        """Call a function that changes the index.

        Raises:
            ReadOnlyIndexError: it was saved, so that nothing that is changed would be there the next time.
        """
        if self._saved:
            raise ReadOnlyIndexError(
                f"the index in {self._place} was saved, and is read into memory: what is changed would be lost.\n"
                "  Serve one that lives in a folder: add its items to an `Index(dim, store=PATH)`."
            )
        with self._noting_refusal():
            return call(self.index)

    def snapshot(self, folder: Path) -> None:
        """Copy the index, and its thresholds, to a new folder."""
        self.index.snapshot(folder)
        if self.calibration is not None:
            self.calibration.save(folder / CALIBRATION_FILE)

    def refresh(self) -> bool:
        """See what another process has written, thresholds too; return whether items changed."""
        written = self._thresholds_file()
        if written != self._thresholds_written:
            self.calibration = self._thresholds()
            self._thresholds_written = written
        with self._noting_refusal():
            changed = self.index.refresh()
        if self._folder is None:
            self._items = len(self.index)
        return changed

    @contextlib.contextmanager
    def lent(self) -> Generator[Index]:
        """Return the index to read, for as long as that takes, while it may be closed here.

        To be closed takes nothing from one in memory; any other is opened once more.
        """
        if self._saved:
            yield self.index
            return
        with Index.open(self._place, read_only=True) as own:
            yield own

    def close(self) -> None:
        """Let go of the files, and of the right to write."""
        self.index.close()

    @contextlib.contextmanager
    def _noting_refusal(self) -> Generator[None]:
        try:
            yield
        except StorageError as error:
            self.refused = self.refused or error.lasting
            raise

    def _thresholds(self) -> CalibrationResults | None:
        return None if self._folder is None else read_calibration(self._folder)

    def _thresholds_file(self) -> tuple[int, int, int] | None:
        """Return what differs once the thresholds were written anew, None where they have no file."""
        if self._folder is None:
            return None
        try:
            about = (self._folder / CALIBRATION_FILE).stat()
        except FileNotFoundError:
            return None
        return about.st_ino, about.st_mtime_ns, about.st_size
