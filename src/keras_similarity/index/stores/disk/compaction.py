"""Make one segment of many, without what was removed, and put an engine over it, while searches and writes go on."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.graph import Graph
from keras_similarity.index.ids import IdTable
from keras_similarity.index.items import Items
from keras_similarity.index.rows import Block, Matrix, Positions, Rows
from keras_similarity.index.snapshot import load_graph
from keras_similarity.index.stores.disk.graphs import GraphFiles
from keras_similarity.index.stores.disk.repair import repair_folder
from keras_similarity.index.stores.disk.segments import Segment, write_segment
from keras_similarity.index.stores.disk.state import State, mix
from keras_similarity.index.stores.disk.store import DiskStore
from keras_similarity.index.stores.disk.view import Part
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["CompactingStore"]


class CompactingStore(DiskStore):
    """An index in a folder, whole: written to, compacted, with a graph beside its first segment."""

    def __init__(self, folder: Path, *about: Any, **settings: Any) -> None:
        self._graphs = GraphFiles(folder)
        self._fresh: dict[int, Segment] = {}  # by the identity of their matrix: written, and named by nobody yet
        super().__init__(folder, *about, **settings)

    def settled(self) -> Rows:
        """Return the rows of this moment, all of them in segments that stay until they are replaced."""
        self.begin_write()
        if len(self._pending):
            none = np.empty((0, self._width), self._dtype)
            self.put(Items(np.empty(0, np.int64), none), np.empty(0, np.intp), flush=True)
        self.frozen = frozenset(self._parts)
        return self.rows

    def compacted(self, base: Rows) -> tuple[Positions | None, Matrix]:
        """Return the live rows of a settled moment as one matrix, and their positions, None for all.

        Where there is more than one segment, or a removed row, this writes a new segment, which nobody names yet.
        """
        if base.selection is None and len(base.blocks) == 1:
            return None, base.blocks[0].matrix
        positions = base.live_positions()
        vectors = [
            block.matrix.rows[positions[slice(*np.searchsorted(positions, (start, stop)))] - start]
            for block, start, stop in zip(base.blocks, base.starts, base.starts[1:], strict=False)
        ]
        numbers = base.records.numbers[positions]
        with self._noting_failure():
            name = write_segment(
                self.segments,
                self.reserve_number(),
                np.concatenate(vectors),
                base.ids[positions],
                base.codes[positions],
                numbers,
            )
        segment = Segment(self.segments, name)
        self._fresh[id(segment.matrix)] = segment
        return positions, segment.matrix

    def abandon(self, matrix: Matrix) -> None:
        """Let go of what `compacted` made."""
        segment = self._fresh.pop(id(matrix), None)
        self.frozen = frozenset()
        if segment is not None:
            self.drop_files([segment.name])

    def replace(self, base: Rows, positions: Positions | None, block: Block) -> None:
        """Put a block of the chosen rows of a moment in the place of that moment's rows; what came since stays."""
        self.begin_write()
        old = [name for name in self.state.segments if name.number in self.frozen]
        if not old:  # an index without a row
            return
        later = [name for name in self.state.segments if name.number not in self.frozen]
        segment = self._fresh.get(id(block.matrix)) or self._parts[old[0].number].segment
        with self._noting_failure():
            graph = self._graphs.write(self.reserve_number(), segment.name.number, block.graph)
        state = self._after_replacing(base, positions, segment, later, graph)
        try:
            with self._committing(state) as connection:
                if positions is not None:
                    gone = base.records.numbers[np.setdiff1d(np.arange(len(base)), positions)]
                    rows = [(number,) for number in gone.tolist()]
                    connection.executemany("DELETE FROM removed WHERE row = ?", rows)
                    connection.executemany("DELETE FROM items WHERE row = ?", rows)
                at_write_point("segments replaced")
        except BaseException:
            self._graphs.drop(graph)
            raise
        self._fresh.pop(id(block.matrix), None)
        self.frozen = frozenset()
        before = self.state.graph
        self._parts[segment.name.number] = Part(segment, block.scan, block.graph, IdTable())
        self.reload()
        self.drop_files([name for name in old if name.number != segment.name.number])
        self._graphs.drop(before)

    def load_graph(self) -> None:
        """Check and load the graph that is kept beside the first segment, and put it over it."""
        about = self.state.graph
        if about is None or about["segment"] not in self._parts:
            return
        matrix = self._parts[about["segment"]].segment.matrix
        content = self._graphs.read(about)
        graph = None if content is None else load_graph(content, about["report"], matrix, self._distance)
        if isinstance(graph, Graph):
            self.attach(about["segment"], graph)

    def repaired(self) -> CheckReport:
        """Go on without what is damaged, as the writer; see `check_folder`."""
        self.database.close()
        try:
            return repair_folder(self.folder, self._width, self._dtype)
        finally:
            self.database.reopen()
            self._parts = {}
            self.reload()
            self._sweep()

    def _sweep(self) -> None:
        super()._sweep()
        self._graphs.sweep(self.state.graph)

    def vacuum(self) -> None:
        """Give the room of what was removed back to the disk."""
        with self._noting_failure():
            self.database.vacuum()

    def _after_replacing(
        self, base: Rows, positions: Positions | None, segment: Segment, later: list[Any], graph: dict[str, Any] | None
    ) -> State:
        changes: dict[str, Any] = {
            "segments": (segment.name, *later),
            "graph": graph,
            "next_number": self._next_number,
        }
        if positions is not None:
            gone = base.records.numbers[np.setdiff1d(np.arange(len(base)), positions)]
            changes |= {
                "items": self.state.items - len(gone),
                "removed": self.state.removed - len(gone),
                "removed_mix": (self.state.removed_mix - mix(gone)) & (2**62 - 1),
                "layout": self.state.layout + 1,
            }
        return self.state.after(**changes)
