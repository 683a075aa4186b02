"""An index in a folder, to read: one generation of it, until a newer one is asked for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import Ids
from keras_similarity.core.label_json import label_from_json
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.errors import CorruptIndexError
from keras_similarity.index.columns import Column
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.ids import IdTable
from keras_similarity.index.rows import Positions, Rows
from keras_similarity.index.stores.disk.database import Database
from keras_similarity.index.stores.disk.last_write import LastWrite
from keras_similarity.index.stores.disk.segments import Segment, SegmentName
from keras_similarity.index.stores.disk.state import State
from keras_similarity.index.stores.disk.view import Chained, DiskRecords, Part, Pending

__all__ = ["SEGMENTS", "DiskReader", "Mask"]

SEGMENTS = "segments"
RETRIES = 5  # of reading a generation whose segments are compacted away meanwhile

Mask = NDArray[np.bool_]


class DiskReader:
    """One generation of an index in a folder.

    Args:
        folder: Where it is.
        distance: What exact search is prepared for.
        width: How many numbers a row has.
        dtype: What they are kept as.
        durability: "full" or "fast".

    Raises:
        IndexFormatError: another format, or (`CorruptIndexError`) damage.
    """

    name = "disk"

    def __init__(
        self, folder: Path, distance: Distance, width: int, dtype: np.dtype[Any], *, durability: str = "full"
    ) -> None:
        self.folder = folder
        self.segments = folder / SEGMENTS
        self.database = Database(folder, durability)
        self.vocabulary = LabelVocabulary()
        self.state = State()
        self._distance, self._width, self._dtype = distance, width, dtype
        self._last_write = LastWrite(folder, keep=durability == "full")
        self._parts: dict[int, Part] = {}
        self._pending = self._no_pending()
        self.reload()

    @property
    def next_id(self) -> int:
        """The next id that is counted."""
        return self.state.next_id

    def refresh(self) -> bool:
        """See the newest generation; return whether there was a newer one."""
        if self.database.state().generation == self.state.generation:
            return False
        self.reload()
        return True

    def reload(self) -> None:
        """Read the newest generation."""
        for attempt in range(RETRIES):
            # What was noted before the state is read cannot be newer than the state.
            noted = self._last_write.generation()
            with self.database.reading():
                state = self.database.state()
                self._last_write.check(noted, state.generation)
                try:
                    return self._load(state)
                except CorruptIndexError as error:
                    failure = error
            if attempt == RETRIES - 1 or self.database.state().generation == state.generation:
                raise failure
        return None

    def positions_of(self, ids: Ids) -> Positions:
        """Return where the live row of each id is, -1 where there is none."""
        rows = self.rows
        positions = self.records.find(ids)
        if rows.live is not None and len(rows.live):
            known = positions < len(rows)
            positions = np.where(known & rows.live[np.where(known, positions, -1)], positions, -1)
        return positions

    def attach(self, number: int, graph: Any) -> None:
        """Put an engine over a segment that is in the view."""
        if number in self._parts:
            self._parts[number].graph = graph
            self._publish(self.state, self.rows.live)

    def columns(self) -> tuple[Column, Column]:
        """Return the data and the metadata of every row that is seen; see `DiskRecords.at` for errors."""
        data, metadata = Column(), Column()
        rows = self.rows  # not what the database holds: another process may have written since
        for block in rows.records.blocks(len(rows)):
            data.append([own for own, _ in block], len(block))
            metadata.append([own for _, own in block], len(block))
        return data, metadata

    def close(self) -> None:
        """Let go of the database; neighbours that were found keep their distances and ids, and lose their records."""
        self.database.close()

    def _load(self, state: State) -> None:
        """Put together the view of a state, while reading."""
        labels = [label_from_json(json.loads(text)) for text in self.database.labels(state)]
        parts = {name.number: self._parts.get(name.number) or self._part(name) for name in state.segments}
        pending = self._no_pending()
        items, vectors = self.database.pending(state)
        if items:
            ids = np.array([item.id for item in items], object)
            pending.append(
                np.frombuffer(b"".join(vectors), self._dtype).reshape(-1, self._width),
                ids.astype(np.int64) if all(isinstance(item.id, int) for item in items) else ids,
                np.array([item.label for item in items], np.int32),
                np.array([item.row for item in items], np.int64),
            )
        removed = self.database.removed(state)
        self.vocabulary.replace(labels)
        self._parts, self._pending = parts, pending
        self._publish(state, self._live(state, removed))

    def _part(self, name: SegmentName) -> Part:
        return Part(Segment(self.segments, name), ExactEngine(self._distance), None, IdTable())

    def _no_pending(self) -> Pending:
        return Pending(self._width, self._dtype, ExactEngine(self._distance))

    def _live(self, state: State, removed: NDArray[np.int64]) -> Mask | None:
        """Return which positions are left when the rows of these numbers are removed."""
        if len(removed) == 0:
            return None
        live = np.ones(sum(name.count for name in state.segments) + len(self._pending), bool)
        start = 0
        for name in state.segments:
            inside = removed[slice(*np.searchsorted(removed, (name.first, name.last + 1)))]
            if name.last - name.first + 1 == name.count:
                live[start + inside - name.first] = False
            elif len(inside):
                live[start + np.searchsorted(self._parts[name.number].segment.numbers[:], inside)] = False
            start += name.count
        if len(self._pending):
            numbers = self._pending.numbers.view
            inside = removed[np.searchsorted(removed, numbers[0]) :]
            live[start + np.searchsorted(numbers, inside)] = False
        return live

    def _publish(self, state: State, live: Mask | None) -> None:
        """Show a state to those who search from now on."""
        parts = [self._parts[name.number] for name in state.segments]
        blocks = [part.block() for part in parts]
        ids, codes, numbers = ([getattr(part.segment, name) for part in parts] for name in ("ids", "codes", "numbers"))
        tables = [part.table for part in parts]
        pending = self._pending
        if len(pending) or not parts:
            blocks.append(pending.block())
            ids.append(pending.ids.view)
            codes.append(pending.codes.view)
            numbers.append(pending.numbers.view)
            tables.append(pending.table)
        starts = np.cumsum([0, *map(len, codes)]).tolist()
        self.records = DiskRecords(
            self.database,
            Chained(numbers, np.dtype(np.int64)),
            state.layout,
            list(zip(ids, tables, starts, strict=False)),
        )
        self.state = state
        self.rows = Rows(
            tuple(blocks),
            Chained(ids, np.dtype(np.int64)),
            Chained(codes, np.dtype(np.int32)),
            self.records,
            live,
            state.generation,
            state.layout,
        )
