"""kill -9, at random moments and at every numbered write point."""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.campaign import Tally, finish, in_child, prepared, run, use_small_segments
from faults.workload import KINDS, Model, apply, of_kind, operation
from keras_similarity import Index
from keras_similarity.index.planner import LEAST_ROWS
from keras_similarity.index.stores.disk import write_points


def kill_at_random(folder, seed, kills):
    """Kill -9 at random moments; the next child goes on where the last one was killed."""
    use_small_segments()
    tally, chance = Tally(seed), random.Random(seed)
    place = folder / "index"
    Index(6, "euclidean", store=place).close()
    model, number = Model(), 0

    def write_on(acknowledge):
        with Index.open(place) as index:
            step = number
            while True:
                apply(index, operation(seed, step))
                acknowledge(step)
                step += 1

    while tally.faults < kills:
        pid, reader = in_child(write_on)
        time.sleep(chance.uniform(0.0, 0.25))
        os.kill(pid, signal.SIGKILL)
        _, lines = finish(pid, reader)
        for line in lines:
            model.apply(operation(seed, int(line)))
            number = int(line) + 1
        there = tally.follow(place, model, seed, number)
        if there is None:
            break
        model, number = there
    tally.notes.append(f"{number} operations")
    tally.report()


def kill_at_points(folder, seed, kinds="all"):
    """Kill -9 at every numbered write point of every kind of write."""
    tally = Tally(seed)
    model = prepared(folder / "index", seed)
    for kind in (*KINDS, "snapshot", "save", "save over", "create", "build") if kinds == "all" else kinds.split(","):
        if kind == "build":  # of so many rows that a graph is written
            shutil.rmtree(folder / "index")
            model = prepared(folder / "index", seed, engine="faiss", rows=LEAST_ROWS)
        point = 1
        while not _killed_at(point, folder, seed, kind, model, tally):
            point += 1
        tally.notes.append(f"{kind}: {point - 1} points")
    tally.report()


def _killed_at(point, folder, seed, kind, model, tally):
    """Kill one write at a point; return whether it ended before it came to so many."""
    place, target = folder / "crash", folder / "saved" / "target"
    for path in (place, target.parent):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder / "index", place)
    target.parent.mkdir()
    if kind == "save over":
        Index(6, "euclidean").save(target)
    passed = 0

    def crash(name):
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def work(acknowledge):
        index = Index.open(place)
        write_points.on_write_point(crash)
        _write(index, kind, seed, target)

    status, _ = finish(*in_child(work))
    tally.judge(place, model, *([model.after(of_kind(seed, kind))] if kind in KINDS else []))
    if kind == "save over":  # the one or the other, at every moment
        tally.judge(target, model, Model())
        _save_again(place, target, tally, point)
    elif kind in ("snapshot", "save") and target.exists():  # whole, or not there
        tally.judge(target, model)
    with Index.open(place) as index:  # what the crash left is swept away by the next writer
        index.add([[1.0] * 6], ids=["next"])
        if any(file.name.endswith(".new") for file in (place / "segments").iterdir()):
            tally.error(f"{kind} at point {point} left files")
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def _write(index, kind, seed, target):
    if kind in KINDS:
        apply(index, of_kind(seed, kind))
    elif kind == "create":
        Index(6, store=target)
    elif kind == "build":
        index.build()
    else:
        getattr(index, kind.removesuffix(" over"))(target)


def _save_again(place, target, tally, point):
    """Save where a save was killed: no index that was moved aside is left then."""
    with Index.open(place, read_only=True) as index:
        index.save(target)
    if any(".old-" in entry.name for entry in target.parent.iterdir()):
        tally.error(f"save over at point {point} left an index aside")


if __name__ == "__main__":
    run({"kill_at_random": kill_at_random, "kill_at_points": kill_at_points})
