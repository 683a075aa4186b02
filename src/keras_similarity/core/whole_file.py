"""Files that appear under their name when they are whole, whatever interrupts their writing."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from keras_similarity.core.sync import sync_folder

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Give the path to write to, and put what was written in the place of `path` if nothing was raised meanwhile.

    It is on the disk before it gets its name, and the name is there too at the end. What is no file, such as a pipe, is
    written to as it is.

    Raises:
        FileNotFoundError: its folder is not there.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder is at {folder}.\n  Make it, or check the path.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield fresh
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(folder)
    finally:
        fresh.unlink(missing_ok=True)
