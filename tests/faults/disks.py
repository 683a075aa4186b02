"""Disks that are full, that fail, that may not be written to, and processes without file descriptors."""

import contextlib
import ctypes
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.campaign import Tally, finish, in_child, prepared, run
from faults.workload import KINDS, answers, apply, holds, of_kind
from keras_similarity import Index
from keras_similarity.errors import ReadOnlyIndexError, StorageError, StorageFullError

ERROR_EXIT = 3  # of a child whose index did what it must not


def full(folder, seed, sizes=12):
    """A limit on the size of files, then a file system of a megabyte, where the system lets one be made."""
    tally = Tally(seed)
    model = prepared(folder / "index", seed)
    largest = max(file.stat().st_size for file in (folder / "index").rglob("*"))
    for kind in KINDS:
        for size in range(sizes):
            _judged(folder, seed, kind, model, tally, limit=(resource.RLIMIT_FSIZE, largest * size // sizes))
    _on_a_small_disk(folder, seed, model, tally)
    tally.report()


def descriptors(folder, seed, most=16):
    """No more files may be opened, from the first to the last that a write opens."""
    tally = Tally(seed)
    model = prepared(folder / "index", seed)
    for kind in KINDS:
        for spare in range(most):
            _judged(folder, seed, kind, model, tally, spare=spare)
    tally.report()


def read_only(folder, seed):
    """A folder without permission to write: searches work, and a write says why it does not."""
    tally = Tally(seed)
    model = prepared(folder / "index", seed)
    places = [path for path in (folder / "index", *(folder / "index").rglob("*"))]
    for kind in KINDS:
        for path in places:
            path.chmod(0o555 if path.is_dir() else 0o444)

        def work(acknowledge, kind=kind):
            _drop_privileges()
            with Index.open(folder / "index") as index:
                if not holds(index, model) or not answers(index, model):
                    os._exit(ERROR_EXIT)
                with contextlib.suppress(ReadOnlyIndexError):
                    apply(index, of_kind(seed, kind))
                    os._exit(ERROR_EXIT)

        _expect(tally, finish(*in_child(work)), f"read-only, {kind}")
        for path in places:
            path.chmod(0o755 if path.is_dir() else 0o644)
        tally.judge(folder / "index", model)
    tally.report()


def failing_sync(folder, seed, most=12):
    """The n-th wait for the disk fails, for every n: in segments and in SQLite. The next would say that all is well."""
    tally = Tally(seed)
    model = prepared(folder / "index", seed)
    shim = folder / "failing_sync.so"
    source = Path(__file__).with_name("failing_sync.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    for kind in KINDS:
        for count in range(1, most + 1):
            place = _copied(folder)
            environment = os.environ | {"LD_PRELOAD": str(shim), "FAILING_SYNC_FILE": str(folder / "count")}
            (folder / "count").write_text("0")
            command = [sys.executable, __file__, "write_once", str(place), str(seed), kind, str(count)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            tally.judge(place, model, model.after(of_kind(seed, kind)))
            if done.returncode not in (0, ERROR_EXIT - 1):
                tally.error(f"sync {count} of {kind}: {done.stderr[-500:]}")
            if done.returncode == 0:  # it waited fewer times
                break
    tally.report()


def write_once(place, seed, kind, count):
    """Write while the n-th sync fails: it must be said, and nothing be written after it."""
    with Index.open(place) as index:
        Path(os.environ["FAILING_SYNC_FILE"]).write_text(str(count))
        try:
            apply(index, of_kind(seed, kind))
        except StorageError:
            index.search([[0.0] * 6], k=3)
            try:
                index.add([[1.0] * 6], ids=["after"])
            except ReadOnlyIndexError:
                sys.exit(ERROR_EXIT - 1)
            raise RuntimeError("a write followed one that failed") from None
        sys.exit(int(Path(os.environ["FAILING_SYNC_FILE"]).read_text() == "0"))


def _judged(folder, seed, kind, model, tally, *, limit=None, spare=None):
    """Write under a limit; the process goes on, and writes again when the limit is gone."""
    place, after = _copied(folder), model.after(of_kind(seed, kind))

    def work(acknowledge):
        index = Index.open(place)
        name, number = limit or (resource.RLIMIT_NOFILE, len(list(Path("/proc/self/fd").iterdir())) - 1 + spare)
        before = resource.getrlimit(name)
        resource.setrlimit(name, (number, before[1]))
        failure = None
        try:
            apply(index, of_kind(seed, kind))
        except (StorageError, ReadOnlyIndexError) as error:
            failure = error
            if not (holds(index, model) or (kind == "compact" and list(index) == list(model.items))):
                os._exit(ERROR_EXIT)
        finally:
            resource.setrlimit(name, before)
        if not answers(index, after if failure is None else model):
            os._exit(ERROR_EXIT + 1)
        if failure is not None and not getattr(failure, "lasting", False):
            apply(index, of_kind(seed, kind))

    _expect(tally, finish(*in_child(work)), f"{kind} under {limit or spare}")
    tally.judge(place, model, after)


def _on_a_small_disk(folder, seed, model, tally):
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        tally.notes.append("no small file system: only root may make one")
        return
    try:
        shutil.copytree(folder / "index", disk / "index")
        with Index.open(disk / "index") as index:
            held = model
            for kind in ("big", "small", "strings", "update", "remove", "compact") * 2:
                filler = disk / "filler"
                with contextlib.suppress(OSError), filler.open("wb") as file:
                    while file.write(bytes(4096)):
                        file.flush()
                try:
                    apply(index, of_kind(seed, kind))
                    held = held.after(of_kind(seed, kind))
                except StorageFullError:
                    pass
                filler.unlink()
                apply(index, of_kind(seed, kind))
                held = held.after(of_kind(seed, kind))
                tally.judge(disk / "index", held)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)


def _copied(folder):
    place = folder / "copy"
    shutil.rmtree(place, ignore_errors=True)
    return Path(shutil.copytree(folder / "index", place))


def _expect(tally, found, what):
    if found[0] != 0:
        tally.error(f"{what}: exit status {os.waitstatus_to_exitcode(found[0])}")


def _drop_privileges():
    """Give up what lets root write anywhere."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)())


CAMPAIGNS = {"full": full, "descriptors": descriptors, "read_only": read_only, "failing_sync": failing_sync}

if __name__ == "__main__":
    run(CAMPAIGNS | {"write_once": write_once})
