"""Several processes at one index: writers that contend, readers beside a writer, children of a fork."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.campaign import Tally, finish, in_child, prepared, run, use_small_segments
from faults.workload import DIM, answers, apply, holds, of_kind
from keras_similarity import Index
from keras_similarity.errors import IndexLockedError

BATCH, KEPT = 10, 20  # items a step, and steps that are there at a time


def writers(folder, seed, seconds=3, count=4):
    """Writers that contend, some of them killed: each is in or out as a whole, and nothing acknowledged is lost."""
    use_small_segments()
    tally, place = Tally(seed), folder / "index"
    Index(DIM, "euclidean", store=place).close()

    def write_on(acknowledge, number=0):
        stop, step = time.monotonic() + seconds, 0
        while time.monotonic() < stop:
            try:
                with Index.open(place) as index:
                    for _ in range(3):
                        index.add(_vectors(number, step), ids=[f"{number}/{step}/{row}" for row in range(BATCH)])
                        acknowledge(f"{number}/{step}")
                        step += 1
            except IndexLockedError:
                acknowledge("refused")
            time.sleep(0.01)

    started = [in_child(lambda acknowledge, n=number: write_on(acknowledge, n)) for number in range(count)]
    chance = random.Random(seed)
    time.sleep(chance.uniform(0.2, 0.8) * seconds)
    os.kill(started[0][0], signal.SIGKILL)
    lines = [line for child in started for line in finish(*child)[1]]
    acknowledged = {line for line in lines if line != "refused"}
    tally.faults = len(lines) - len(acknowledged) + 1
    with Index.open(place) as index:
        there = {item_id.rsplit("/", 1)[0] for item_id in index}
        tally.lost = len(acknowledged - there)
        if len(index) != BATCH * len(there):
            tally.error("a write is there in part")
        index.add([[1.0] * DIM], ids=["after a killed writer"])
    if len(lines) == len(acknowledged):
        tally.error("no writer was refused: they never met")
    tally.report()


def readers(folder, seed, seconds=10, count=8):
    """Readers beside a writer that adds, removes and compacts: each answer is of one generation."""
    use_small_segments()
    tally, place = Tally(seed), folder / "index"
    Index(DIM, "euclidean", store=place, durability="fast").close()
    removed = np.memmap(folder / "removed", np.int64, "w+", shape=1)  # steps whose removal was acknowledged
    stop = time.monotonic() + seconds

    def write_on(acknowledge):
        with Index.open(place, durability="fast") as index:
            step = 0
            while time.monotonic() < stop:
                index.add(_vectors(0, step), ids=np.arange(step * BATCH, (step + 1) * BATCH), data=[step] * BATCH)
                if step >= KEPT:
                    index.remove(np.arange((step - KEPT) * BATCH, (step - KEPT + 1) * BATCH))
                    removed[0] = step - KEPT + 1
                if step % 50 == 49:
                    index.compact()
                step += 1
            acknowledge(step)

    def read_on(acknowledge):
        with Index.open(place, read_only=True) as index:
            seen = 0
            while time.monotonic() < stop:
                gone = int(removed[0])
                index.refresh()
                problem = _inconsistency(index, gone)
                if problem:
                    acknowledge(problem)
                seen += 1
            acknowledge(f"seen {seen}")

    children = [in_child(write_on), *(in_child(read_on) for _ in range(count))]
    _judge_readers(tally, [finish(*child) for child in children])


def _judge_readers(tally, found):
    tally.notes.append(f"{found[0][1][0]} steps" if found[0][1] else "the writer died")
    answered = 0
    for status, lines in found[1:]:
        problems = [line for line in lines if not line.startswith("seen")]
        tally.faults += 1
        answered += sum(int(line.split()[1]) for line in lines if line.startswith("seen"))
        for problem in problems[:3]:
            tally.error(problem)
        if status:
            tally.error(f"a reader ended with {os.waitstatus_to_exitcode(status)}")
    tally.notes.append(f"{answered} views were looked at")
    if found[0][0] or not answered:
        tally.error("the writer failed, or nobody read")
    tally.report()


def fork(folder, seed):
    """Children of a process that has the index open, and is its writer: they read, and do not write."""
    tally = Tally(seed)
    model = prepared(folder / "index", seed)
    with Index.open(folder / "index") as index:
        for kind in ("small", "big", "remove", "compact"):
            apply(index, of_kind(seed, kind))
            model.apply(of_kind(seed, kind))

            def work(acknowledge):
                if not holds(index, model) or not answers(index, model):
                    os._exit(3)
                try:
                    index.add([[1.0] * DIM])
                except IndexLockedError:
                    index.close()
                    return
                os._exit(4)

            for status, _ in [finish(*child) for child in [in_child(work) for _ in range(3)]]:
                tally.faults += 1
                if status:
                    tally.error(f"a child ended with {os.waitstatus_to_exitcode(status)}")
            if not holds(index, model) or not answers(index, model):
                tally.error("the parent's index changed")
        index.add([[1.0] * DIM], ids=["the parent still writes"])
    tally.report()


def _vectors(number, step):
    return np.random.default_rng((number, step)).normal(size=(BATCH, DIM)).astype(np.float32)


def _inconsistency(index, gone):
    """Say what is wrong with the view of a reader, None when it is one generation of the writer's steps."""
    found = index.search(_vectors(0, gone + KEPT // 2)[:1], k=1)[0]
    ids = list(index)
    steps = [ids[place] // BATCH for place in range(0, len(ids), BATCH)]
    if ids != [step * BATCH + row for step in steps for row in range(BATCH)]:
        return f"a torn batch: {ids[:3]}..{ids[-3:]}"
    whole = steps == list(range(steps[0], steps[-1] + 1)) if steps else not gone
    if not whole or (gone and not KEPT <= len(steps) <= KEPT + 1):
        return f"steps {steps[:1]} to {steps[-1:]} are no generation"
    if steps and steps[0] < gone:
        return f"step {steps[0]} is there after its removal was acknowledged"
    wanted = (gone + KEPT // 2) * BATCH
    if found and wanted in ids and (found[0].id != wanted or found[0].distance != 0):
        return f"the nearest to item {wanted} is {found[0].id}"
    return None


if __name__ == "__main__":
    run({"writers": writers, "readers": readers, "fork": fork})
