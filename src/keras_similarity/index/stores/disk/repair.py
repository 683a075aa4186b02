"""Write down anew what a check found sound."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_similarity.core.sync import sync_folder
from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.stores.disk.check import Finding, Found, look_through
from keras_similarity.index.stores.disk.database import FILE, Database
from keras_similarity.index.stores.disk.files import explained
from keras_similarity.index.stores.disk.last_write import LastWrite
from keras_similarity.index.stores.disk.lock import WriterLock
from keras_similarity.index.stores.disk.reader import SEGMENTS
from keras_similarity.index.stores.disk.segments import SegmentName, write_segment
from keras_similarity.index.stores.disk.state import Item, State, crc_of, data_crc, mix, pending_row
from keras_similarity.index.stores.disk.store import LOCK
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["check_folder", "finish_repair", "is_half_repaired", "repair_folder"]

ASIDE = "repair"


def check_folder(folder: Path, width: int, dtype: np.dtype[Any], *, repair: bool) -> CheckReport:
    """Read every byte of the index in a folder; where asked, go on without what is damaged.

    Raises:
        CorruptIndexError: settings or state are damaged, without which nothing can be repaired.
        IndexLockedError, ReadOnlyIndexError: a repair, and the index cannot be written to.
    """
    if not repair:
        return look_through(folder, width, dtype).report()
    lock = WriterLock(folder / LOCK)
    lock.take()
    try:
        return repair_folder(folder, width, dtype)
    finally:
        lock.release()


def is_half_repaired(folder: Path) -> bool:
    """Whether a repair stopped between taking the old database away and putting the new one in its place."""
    return not (folder / FILE).exists() and (folder / ASIDE / FILE).is_file()


def finish_repair(folder: Path) -> None:
    """Put the new database of a repair that stopped there in its place."""
    lock = WriterLock(folder / LOCK)
    lock.take()
    try:
        if is_half_repaired(folder):
            _put_in_place(folder)
    finally:
        lock.release()


def repair_folder(folder: Path, width: int, dtype: np.dtype[Any]) -> CheckReport:
    """The same for who holds the lock, and has no connection open."""
    found = look_through(folder, width, dtype)
    if found.problems:
        _write_anew(folder, found)
    return found.report(repaired=bool(found.problems))


def _write_anew(folder: Path, found: Found) -> None:
    """Write a new database over what is left, and put it in the place of the old one."""
    state, number = found.state, found.state.next_number
    segments: list[SegmentName] = []
    kept: list[Finding] = []
    for finding in found.findings:
        left = finding.sound & np.array([item_id is not None for item_id in finding.ids], bool)
        kept.append(_only(finding, left))
        if finding.name is None or not len(kept[-1].numbers):
            continue
        if not finding.changed and left.all():
            segments.append(finding.name)
            continue
        rest, ids = kept[-1], np.empty(len(kept[-1].ids), object)
        ids[:] = rest.ids
        ids = ids.astype(np.int64) if all(isinstance(value, int) for value in rest.ids) else ids
        segments.append(write_segment(folder / SEGMENTS, number, rest.vectors, ids, rest.codes, rest.numbers))
        number += 1
    numbers = np.concatenate([finding.numbers for finding in kept]) if kept else np.empty(0, np.int64)
    removed = found.removed[np.isin(found.removed, numbers)]
    waiting = next((finding for finding in kept if finding.name is None), None)
    fresh = state.after(
        next_number=number,
        segments=tuple(segments),
        items=len(numbers),
        pending=0 if waiting is None else len(waiting.numbers),
        labels=len(found.labels),
        removed=len(removed),
        removed_mix=mix(removed),
        layout=state.layout + 1,
        graph=None,
    )
    _replace_database(folder, found, kept, removed, fresh)
    LastWrite(folder, keep=True).note(fresh.generation)


def _only(finding: Finding, left: Any) -> Finding:
    ids = [item_id for item_id, stays in zip(finding.ids, left, strict=True) if stays]
    return Finding(
        finding.name,
        finding.numbers[left],
        ids,
        finding.codes[left],
        finding.vectors[left],
        left[left],
        finding.changed,
    )


def _replace_database(folder: Path, found: Found, kept: list[Finding], removed: Any, state: State) -> None:
    aside = folder / ASIDE
    with explained(folder):
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
    database = Database(aside, create=True)
    database.create(found.settings)
    with database.writing() as connection:
        database.insert_items(_items(found, kept))
        connection.executemany("INSERT INTO removed VALUES (?)", ((number,) for number in removed.tolist()))
        texts = ((code, text, crc_of(code, text)) for code, text in enumerate(found.labels))
        connection.executemany("INSERT INTO labels VALUES (?, ?, ?)", texts)
        for finding in kept:
            if finding.name is None:
                connection.executemany(
                    "INSERT INTO pending VALUES (?, ?, ?)", map(pending_row, finding.numbers.tolist(), finding.vectors)
                )
        database.set_state(state)
    database.close()
    with explained(folder):
        sync_folder(aside)
    _put_in_place(folder)


def _put_in_place(folder: Path) -> None:
    # The old database goes first: without its log it would be an index that silently lacks its last writes.
    with explained(folder):
        for end in ("", "-wal", "-shm"):
            (folder / f"{FILE}{end}").unlink(missing_ok=True)
        at_write_point("repair: old database gone")
        (folder / ASIDE / FILE).rename(folder / FILE)
        sync_folder(folder)
        shutil.rmtree(folder / ASIDE, ignore_errors=True)


def _items(found: Found, kept: list[Finding]) -> Iterator[Item]:
    """Return the records there are, and for rows that lost theirs one of id and label alone."""
    for finding in kept:
        for number, item_id, code in zip(finding.numbers.tolist(), finding.ids, finding.codes.tolist(), strict=True):
            bare = (number, item_id, code, None)
            yield found.items.get(number) or Item(*bare, crc_of(*bare), None, data_crc(number, None))
