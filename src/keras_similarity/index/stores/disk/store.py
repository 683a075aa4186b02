"""An index in a folder, to write: what `add` and `remove` have returned survives a crash.

Few rows wait in the database; many go to a segment of their own. One process writes, by a lock.
"""

import contextlib
import json
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.label_json import label_to_json
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.errors import ReadOnlyIndexError, StorageError
from keras_similarity.index.columns import encode_block
from keras_similarity.index.ids import join_ids
from keras_similarity.index.items import Items
from keras_similarity.index.rows import Positions
from keras_similarity.index.stores.disk.files import sweep
from keras_similarity.index.stores.disk.lock import WriterLock
from keras_similarity.index.stores.disk.reader import DiskReader
from keras_similarity.index.stores.disk.segments import SegmentName, write_segment
from keras_similarity.index.stores.disk.state import Item, State, crc_of, data_crc, mix, pending_row
from keras_similarity.index.stores.disk.view import Part
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["DiskStore"]

LOCK = "writer.lock"
SEGMENT_ROWS = 1024  # rows that wait in the database before they go to a segment
MERGE_ROWS = 2**16  # up to which a segment is joined with the next

Changes = dict[str, Any]


class DiskStore(DiskReader):
    """An index in a folder that can be written to.

    Args:
        folder, distance, width, dtype, durability: See `DiskReader`.
        read_only: Whether to refuse every write.
    """

    def __init__(self, folder: Path, *about: Any, read_only: bool = False, **settings: Any) -> None:
        self._read_only = read_only
        self._lock = WriterLock(folder / LOCK)
        self._broken = ""
        self._next_number = 1
        self.frozen: frozenset[int] = frozenset()  # segments that an engine is being built over
        super().__init__(folder, *about, **settings)

    @property
    def is_writer(self) -> bool:
        """Whether this process holds the writer's lock."""
        return self._lock.is_held

    def begin_write(self) -> None:
        """Become the writer, and see what the last one left.

        Raises:
            IndexLockedError: another process writes.
            ReadOnlyIndexError: this index was opened to read, cannot be written to, or had a write that failed.
        """
        if self._read_only or self._broken:
            reason = self._broken or "it was opened with read_only=True"
            raise ReadOnlyIndexError(
                f"the index in {self.folder} takes no writes: {reason}.\n  Open it again to write to it."
            )
        self.database.require_open()
        if not self._lock.is_held:
            self._lock.take()
            self.refresh()
            self._next_number = max(self._next_number, self.state.next_number)
            self._sweep()

    def put(self, items: Items, gone: Positions, *, flush: bool = False) -> None:
        """Add items and remove the rows at some positions, in one step that a crash leaves whole or undone.

        Args:
            items: What to add.
            gone: Positions that go.
            flush: Whether the rows that wait in the database go to a segment, however few they are.
        """
        state, count = self.state, len(items.ids)
        codes = np.full(count, NO_LABEL, np.int32)
        if items.labels is not None:
            codes = self.vocabulary.encode(items.labels)
        numbers = np.arange(state.next_row, state.next_row + count, dtype=np.int64)
        changes = self._removing(gone) | {
            "next_row": state.next_row + count,
            "next_id": max(state.next_id, items.next_id()),
            "items": state.items + count,
            "labels": len(self.vocabulary),
            "pending": state.pending + count,
        }
        name, merged = None, []
        if flush or state.pending + count >= SEGMENT_ROWS:
            name, merged = self._segment_with(items, codes, numbers)
            kept = state.segments[: len(state.segments) - len(merged)]
            changes |= {"pending": 0, "segments": (*kept, name), "next_number": self._next_number}
        state = state.after(**changes)
        try:
            part = None if name is None else self._part(name)  # before the commit: it may be that no file can be opened
            with self._committing(state) as connection:
                self.database.insert_items(_rows(items, codes, numbers))
                self._write_removed(connection, gone)
                self._write_labels(connection)
                if name is None:
                    rows = map(pending_row, numbers.tolist(), items.vectors)
                    connection.executemany("INSERT INTO pending VALUES (?, ?, ?)", rows)
                else:
                    connection.execute("DELETE FROM pending")
                at_write_point("vectors named")
        except BaseException:
            self.drop_files([] if name is None else [name])
            raise
        self._see_put(state, gone, items, codes, numbers, part)
        self.drop_files(merged)

    def remove(self, positions: Positions) -> None:
        """Remove the rows at some positions, in one step."""
        state = self.state.after(**self._removing(positions))
        with self._committing(state) as connection:
            self._write_removed(connection, positions)
        self._publish(state, self._without(positions, len(self.rows)))

    def close(self) -> None:
        """Let go of the writer's lock and the database."""
        super().close()
        self._lock.release()

    def drop_files(self, names: list[SegmentName]) -> None:
        """Delete segments that nobody names; readers that have them mapped keep them."""
        for name in names:
            with contextlib.suppress(OSError):  # a system that keeps mapped files: the next writer sweeps them away
                (self.segments / name.file).unlink(missing_ok=True)

    def reserve_number(self) -> int:
        """Return a file number that was never used."""
        self._next_number += 1
        return self._next_number - 1

    @contextlib.contextmanager
    def _committing(self, state: State) -> Generator[sqlite3.Connection, None, None]:
        """Write to the database, the state last; after a failure that may last, write nothing more."""
        with self._noting_failure(), self.database.writing() as connection:
            yield connection
            self.database.set_state(state)
        self._last_write.note(state.generation)
        at_write_point("noted")

    @contextlib.contextmanager
    def _noting_failure(self) -> Generator[None, None, None]:
        """Write nothing more after a failure that may last: what the disk said it wrote may not be there."""
        try:
            yield
        except StorageError as error:
            if error.lasting:
                self._broken = f"a write failed ({str(error).splitlines()[0]})"
            raise

    def _segment_with(
        self, items: Items, codes: NDArray[np.int32], numbers: NDArray[np.int64]
    ) -> tuple[SegmentName, list[SegmentName]]:
        """Write a segment of the last small segments, the waiting rows and these; return it and those it replaces."""
        total, merged = len(self._pending) + len(numbers), []
        for name in reversed(self.state.segments):
            if name.count > min(total, MERGE_ROWS) or name.number in self.frozen or self._has_graph(name):
                break
            merged.insert(0, name)
            total += name.count
        segments = [self._parts[name.number].segment for name in merged]
        pending = self._pending
        vectors = [*(part.matrix.rows for part in segments), pending.vectors.view, items.vectors]
        ids = [*(part.ids[:] for part in segments), pending.ids.view, items.ids]
        with self._noting_failure():
            name = write_segment(
                self.segments,
                self.reserve_number(),
                np.concatenate(vectors),
                join_ids(*ids),
                np.concatenate([*(part.codes[:] for part in segments), pending.codes.view, codes]),
                np.concatenate([*(part.numbers[:] for part in segments), pending.numbers.view, numbers]),
            )
        return name, merged

    def _has_graph(self, name: SegmentName) -> bool:
        return self.state.graph is not None and self.state.graph["segment"] == name.number

    def _see_put(
        self,
        state: State,
        gone: Positions,
        items: Items,
        codes: NDArray[np.int32],
        numbers: NDArray[np.int64],
        part: Part | None,
    ) -> None:
        """Show what was written to those who search from now on."""
        live = self._without(gone, len(self.rows) + len(numbers))
        if part is None:
            self._pending.append(items.vectors, items.ids, codes, numbers)
        else:
            self._parts[part.segment.name.number] = part
            self._pending = self._no_pending()
        self._parts = {named.number: self._parts[named.number] for named in state.segments}
        self._publish(state, live)

    def _without(self, gone: Positions, count: int) -> NDArray[np.bool_] | None:
        """Return which of so many positions are left when some more go."""
        live = self.rows.live
        if live is None and len(gone) == 0:
            return None
        left = np.ones(count, bool)
        if live is not None:
            left[: len(live)] = live
        left[gone] = False
        return left

    def _removing(self, positions: Positions) -> Changes:
        """Return how the state changes when the rows at some positions go."""
        numbers = self._numbers(positions)
        return {
            "removed": self.state.removed + len(numbers),
            "removed_mix": (self.state.removed_mix + mix(numbers)) & (2**62 - 1),
        }

    def _numbers(self, positions: Positions) -> NDArray[np.int64]:
        return self.records.numbers[positions]

    def _write_removed(self, connection: sqlite3.Connection, positions: Positions) -> None:
        numbers = self._numbers(positions)
        connection.executemany("INSERT INTO removed VALUES (?)", ((number,) for number in numbers.tolist()))
        at_write_point("removed named")

    def _write_labels(self, connection: sqlite3.Connection) -> None:
        """Write the labels that came since the last write."""
        first = self.state.labels
        fresh = enumerate(self.vocabulary.labels[first:], first)
        texts = ((code, json.dumps(label_to_json(label))) for code, label in fresh)
        connection.executemany(
            "INSERT INTO labels VALUES (?, ?, ?)", ((code, text, crc_of(code, text)) for code, text in texts)
        )

    def _sweep(self) -> None:
        """Delete files that a crash left and nobody names."""
        sweep(self.segments, {name.file for name in self.state.segments})


def _rows(items: Items, codes: NDArray[np.int32], numbers: NDArray[np.int64]) -> Iterator[Item]:
    """Return items as the database keeps them."""
    metadata = items.metadata or [None] * len(numbers)
    texts = (None if value is None else json.dumps(value) for value in metadata)
    columns = zip(numbers.tolist(), items.ids.tolist(), codes.tolist(), texts, encode_block(items.data), strict=False)
    for number, item_id, code, text, data in columns:
        crc = crc_of(number, item_id, code, text)
        yield Item(number, item_id, code, text, crc, data, data_crc(number, data))
