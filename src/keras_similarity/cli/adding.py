"""Adding batches to an index, so that no row comes twice where that is interrupted and done again.

A row with an id replaces itself. One without gets a number, and what was added under which is noted in the folder.
"""

import json
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.cli.unfinished import BUILD, Unfinished, fingerprint
from keras_similarity.cli.vectors import source_files
from keras_similarity.embed.parquet import VectorBatch
from keras_similarity.index import Index
from keras_similarity.index.stores.disk.database import Database

__all__ = ["Adding", "add_batch"]

NOBODY = "keras-similarity index add: an id that no item has"
ROUNDED = 1e-2, 1e-3  # how far an index may have rounded what it keeps in half precision: a share of it, and at all


def add_batch(index: Index, batch: VectorBatch, first: int) -> None:
    """Add rows; those without ids get numbers from `first` on, the same ones when they come again."""
    ids = range(first, first + len(batch.vectors)) if batch.ids is None else batch.ids
    index.add(batch.vectors, batch.labels, ids=ids, metadata=_plain(batch.metadata))


class Adding:
    """Adds the rows of a source to an index that may have got some of them before.

    Args:
        index: Open to write. This process becomes its writer.
        folder: Where it is.
        source: What the rows are of.

    Raises:
        IndexLockedError: another process writes.
        ValueError: one that is not built whole, or a source that has changed since a part of it was added.
    """

    def __init__(self, index: Index, folder: Path, source: Path) -> None:
        self._index, self._folder = index, folder
        index.remove([NOBODY])  # takes the writer's lock, and sees what the last writer left
        if (folder / BUILD).is_file():
            raise ValueError(
                f"{folder} was left by an `index build` that was interrupted, and has numbers to give yet.\n"
                f"  Repeat that build first, or delete {folder / BUILD} to leave the index as it is."
            )
        name = blake2b(str(source.resolve()).encode(errors="surrogatepass"), digest_size=8).hexdigest()
        path = folder / f"unfinished-add-{name}.json"
        self._note = Unfinished(
            path,
            {"source": fingerprint(source_files(source))},
            f"{source} was added in part, and is another file now, or this is another version of the package.\n"
            f"  Add what is missing as a file of its own, or delete {path} to add all of it.",
        )
        kept = self._note.kept()
        self._resumes, self._counts = kept is not None, False
        self.rows, self._next = (kept["rows"], kept["next"]) if kept else (0, 0)

    def add(self, batch: VectorBatch) -> None:
        """Add the next rows, unless they are those that came in last, before that was noted."""
        count = len(batch.vectors)
        if batch.ids is not None:
            add_batch(self._index, batch, 0)
        else:
            first = self._first(batch.vectors)
            if first is not None:
                add_batch(self._index, batch, first)
            self._next += count
            self._note.keep(rows=self.rows + count, next=self._next)
        self.rows += count

    def finish(self) -> None:
        """Delete the note: all rows are in."""
        self._note.forget()

    def _first(self, vectors: NDArray[np.float32]) -> int | None:
        """Return the number of the first of these rows, None where they are in."""
        if self._resumes and self._holds(vectors):
            return None
        self._resumes = False
        if not self._counts:
            # Not what was noted: others may have written since, and their rows have those numbers.
            with closing(Database(self._folder)) as database:
                self._next = database.state().next_id
            self._counts = True
            self._note.keep(rows=self.rows, next=self._next)
        return self._next

    def _holds(self, vectors: NDArray[np.float32]) -> bool:
        """Whether what the index has under the next numbers are these rows, and not those of another."""
        numbers = np.arange(self._next, self._next + len(vectors))
        rows = np.flatnonzero(self._index.contains(numbers))
        if not len(rows):
            return False
        kept = np.stack([record.embedding for record in self._index.get(numbers[rows])])
        return np.allclose(kept, vectors[rows, : kept.shape[1]], *ROUNDED)


def _plain(metadata: Any) -> Any:
    """Return metadata of a foreign file as JSON values: dates and the like become text."""
    return None if metadata is None else json.loads(json.dumps(metadata, default=str))
