"""Read every byte of an index on disk, say what is damaged, and where asked go on without it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.errors import CorruptIndexError
from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.stores.disk.connection import explained
from keras_similarity.index.stores.disk.database import Database
from keras_similarity.index.stores.disk.graphs import GraphFiles
from keras_similarity.index.stores.disk.last_write import LastWrite
from keras_similarity.index.stores.disk.reader import SEGMENTS
from keras_similarity.index.stores.disk.segments import Segment, SegmentName
from keras_similarity.index.stores.disk.state import Item, State, crc_of, is_sound_pending

__all__ = ["Finding", "Found", "look_through"]


@dataclass(slots=True, eq=False)
class Finding:
    """What is left of one segment, or of the rows that are in none.

    Args:
        name: The segment, None for rows in no segment.
        numbers: Row numbers.
        ids: Ids, None where unknown.
        codes: Label codes.
        vectors: The rows, sound or not.
        sound: Which vectors are as they were written.
        changed: Whether the segment must be written anew.
    """

    name: SegmentName | None
    numbers: NDArray[np.int64]
    ids: list[Any]
    codes: NDArray[np.int32]
    vectors: NDArray[Any]
    sound: NDArray[np.bool_]
    changed: bool = False


@dataclass(slots=True, eq=False)
class Found:
    """All that is left of an index."""

    settings: dict[str, Any]
    state: State
    problems: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    removed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    findings: list[Finding] = field(default_factory=list)
    items: dict[int, Item] = field(default_factory=dict)
    lost_numbers: list[int] = field(default_factory=list)  # of rows whose embeddings are nowhere
    lost_codes: set[int] = field(default_factory=set)  # of labels

    def report(self, *, repaired: bool = False) -> CheckReport:
        """Return the report for the user."""
        gone = set(self.removed.tolist())
        lost: list[int | str] = [
            self.items[number].id if number in self.items else f"row {number}"
            for number in self.lost_numbers
            if number not in gone
        ]
        without: list[int | str] = []
        for finding in self.findings:
            columns = (finding.numbers.tolist(), finding.ids, finding.codes.tolist(), finding.sound)
            for number, item_id, code, sound in zip(*columns, strict=True):
                if number in gone:
                    continue
                if item_id is None or not sound:
                    lost.append(f"row {number}" if item_id is None else item_id)
                elif number not in self.items or code in self.lost_codes:
                    without.append(item_id)
        return CheckReport(tuple(self.problems), tuple(lost), tuple(without), repaired)


def look_through(folder: Path, width: int, dtype: np.dtype[Any]) -> Found:
    """Read everything.

    Raises:
        CorruptIndexError: not even the settings and the state can be read: nothing can be repaired.
    """
    database = Database(folder)
    try:
        found = Found(database.settings(), database.state())
        state = found.state
        _note(
            found,
            lambda: LastWrite(folder, keep=False).check(LastWrite(folder, keep=False).generation(), state.generation),
        )
        found.problems += [f"the database: {text}" for text in _note(found, database.integrity) or ()]
        found.labels = _labels(found, database)
        found.removed = _removed(found, database)
        for name in state.segments:
            _look_at_segment(found, folder, name, database)
        _look_at_pending(found, database, width, dtype)
        _look_at_items(found, database)
        if state.graph is not None and GraphFiles(folder).read(state.graph) is None:
            found.problems.append(f"the graph in {state.graph['file']} is missing or damaged")
        return found
    finally:
        database.close()


def _note(found: Found, check: Any) -> Any:
    """Run a check, and note what it finds instead of raising it."""
    try:
        return check()
    except CorruptIndexError as error:
        found.problems.append(str(error).splitlines()[0])
        return None


def _labels(found: Found, database: Database) -> list[str]:
    labels = _note(found, lambda: database.labels(found.state))
    if labels is not None:
        return labels
    known = {code: text for code, text, crc in _rows(database, "labels", 3) if crc_of(code, text) == crc}
    found.lost_codes = set(range(found.state.labels)) - known.keys()
    return [known.get(code, f'"lost label {code}"') for code in range(found.state.labels)]


def _removed(found: Found, database: Database) -> NDArray[np.int64]:
    removed = _note(found, lambda: database.removed(found.state))
    if removed is not None:
        return removed
    found.problems.append("the list of removed rows is damaged, so removed items may be back")
    return np.array(sorted({row for (row,) in _rows(database, "removed", 1)}), np.int64)


def _rows(database: Database, table: str, columns: int) -> list[tuple[Any, ...]]:
    """Return the rows of a small table, as many as can be read."""
    try:
        with explained(database.path):
            return [row for row in database.rows(table) if len(row) == columns]
    except CorruptIndexError:
        return []


def _look_at_segment(found: Found, folder: Path, name: SegmentName, database: Database) -> None:
    segment = _note(found, lambda: Segment(folder / SEGMENTS, name))
    if segment is None:
        contiguous = name.last - name.first + 1 == name.count
        numbers = range(name.first, name.last + 1) if contiguous else database.numbers(name.first, name.last)
        found.lost_numbers += list(numbers)
        return
    damaged = {section: part.damaged_rows() for section, part in segment.parts().items()}
    for section, spans in damaged.items():
        found.problems += [
            f"{name.file}: the {section} of its rows {first} to {last} have changed" for first, last in spans
        ]
    sound = np.ones(name.count, bool)
    for first, last in damaged["vectors"]:
        sound[first : last + 1] = False
    intact = not damaged["rows"]
    numbers = segment.numbers.array if intact else np.array(database.numbers(name.first, name.last), np.int64)
    if len(numbers) != name.count:
        found.problems.append(f"{name.file}: the numbers of its rows are lost, and so are they")
        found.lost_numbers += list(range(name.first, name.last + 1))
        return
    bad_ids = [span for section in ("ids", "id text", "id stops") for span in damaged.get(section, [])]
    ids: list[Any] = [None] * name.count if bad_ids else segment.ids[:].tolist()
    codes = np.full(name.count, -1, np.int32) if damaged["codes"] else segment.codes.array
    changed = any(damaged.values())
    found.findings.append(Finding(name, numbers, ids, codes, segment.vectors.array, sound, changed))


def _look_at_pending(found: Found, database: Database, width: int, dtype: np.dtype[Any]) -> None:
    rows = list({row[0]: row for row in _rows(database, "pending", 3)}.values())
    if len(rows) != found.state.pending:
        found.problems.append(f"{found.state.pending - len(rows)} rows that were in no segment are missing")
    size = width * dtype.itemsize
    whole = [row for row in rows if isinstance(row[1], bytes) and len(row[1]) == size]
    sound = np.array([is_sound_pending(*row) for row in whole], bool)
    found.problems += [
        f"the embedding of row {row} has changed"
        for (row, _, _), is_sound in zip(whole, sound, strict=True)
        if not is_sound
    ]
    vectors = np.frombuffer(b"".join(vector for _, vector, _ in whole), dtype).reshape(-1, width)
    numbers = np.array([row for row, _, _ in whole], np.int64)
    codes = np.full(len(whole), -1, np.int32)
    found.findings.append(Finding(None, numbers, [None] * len(whole), codes, vectors, sound))


def _look_at_items(found: Found, database: Database) -> None:
    """Read the record of every row; ids and labels that a segment lost are in it, and of rows that are lost."""
    for finding in found.findings:
        unknown = any(item_id is None for item_id in finding.ids)
        codes = finding.codes.copy()
        for place, item in enumerate(_items(found, database, finding.numbers.tolist())):
            if item is not None:
                found.items[item.row] = item
                finding.ids[place] = item.id if unknown else finding.ids[place]
                codes[place] = item.label
        finding.codes = codes
    known = {number for finding in found.findings for number in finding.numbers.tolist()}
    recorded = _note(found, lambda: database.numbers(0, found.state.next_row)) or []
    found.lost_numbers = sorted({*found.lost_numbers, *recorded} - known)
    gone = set(found.removed.tolist())
    lost = [number for number in found.lost_numbers if number not in gone]
    found.items |= {item.row: item for item in _items(found, database, lost) if item is not None}


def _items(found: Found, database: Database, numbers: list[int]) -> Iterator[Item | None]:
    for number in numbers:
        try:
            yield database.item(number)
        except KeyError:
            found.problems.append(f"the record of row {number} is missing")
            yield None
        except CorruptIndexError as error:
            found.problems.append(str(error).splitlines()[0])
            yield None
