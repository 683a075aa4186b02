"""Small records in a folder of shards, and how a file gets its name there: whole, and once, whoever else writes it."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

from keras_similarity.core.sync import sync_folder
from keras_similarity.errors import EmbeddingsFormatError

__all__ = ["as_json", "damaged_record", "place_file", "read_record", "sync_file", "write_record"]


def read_record(path: Path) -> dict[str, Any]:
    """Return what a file says.

    Raises:
        EmbeddingsFormatError: it is no JSON.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise damaged_record(path, error) from error


def damaged_record(path: Path, reason: Any) -> EmbeddingsFormatError:
    """Return the error of a file that cannot be read."""
    return EmbeddingsFormatError(f"{path} is damaged: {reason}.\n  Delete the folder, and embed again.")


def write_record(path: Path, record: dict[str, Any]) -> Path:
    """Write a record under a name of its own, and return this name."""
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    fresh.write_bytes(as_json(record))
    return fresh


def as_json(record: dict[str, Any]) -> bytes:
    """Return a record as the content of its file."""
    return f"{json.dumps(record, indent=1)}\n".encode()


def place_file(fresh: Path, target: Path) -> None:
    """Give a whole file its name, so that a crash of the machine leaves it whole or nameless; what is there stays."""
    sync_file(fresh)
    try:
        os.link(fresh, target)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        fresh.replace(target)
    fresh.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
