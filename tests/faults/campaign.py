"""What the campaigns of injected faults share: a tally, children by fork, an index with a history.

A campaign is a program of its own: it forks children that write to an index, does something to them or to their disk,
and compares what is left with what they had been told was safe.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.workload import Model, answers, apply, holds, of_kind, operation
from keras_similarity import Index
from keras_similarity.index.stores.disk import store

SMALL_SEGMENTS = 64  # rows, so that segments and their joining are met often


class Tally:
    """What came of the faults."""

    def __init__(self, seed):
        self.seed, self.faults, self.lost, self.wrong, self.notes = seed, 0, 0, 0, []

    def judge(self, folder, *models):
        """Open an index and find which of the models it holds; it counts as lost and wrong when it is none."""
        self.faults += 1
        started = time.monotonic()
        with Index.open(folder, read_only=True) as index:
            if time.monotonic() - started > 5:
                self.error("opening took more than 5 seconds")
            for model in models:
                if holds(index, model):
                    if not answers(index, model, self.faults):
                        self.error("a search gave another answer than brute force")
                    return model
            missing = models[0].items.keys() - set(index)
            self.lost += len(missing)
            self.error(f"{len(missing)} missing, {len(index)} there")
        return None

    def follow(self, folder, model, seed, number):
        """Judge an index of which `number` operations are known, and one more may be there.

        Returns the model that it holds and the number of its operations, or None.
        """
        further = model.after(operation(seed, number))
        found = self.judge(folder, model, further)
        return None if found is None else (found, number + (found is further))

    def error(self, what):
        self.wrong += 1
        self.notes.append(f"fault {self.faults}: {what}")

    def report(self):
        sys.stdout.write(json.dumps(vars(self)))


def in_child(work):
    """Run work in a forked child that ends without Python's own ending; return its process id and a pipe from it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    os.close(reader)
    code = 1
    try:
        work(lambda text: os.write(writer, f"{text}\n".encode()))
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def finish(pid, reader):
    """Return the child's exit status and the lines it wrote."""
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    return os.waitpid(pid, 0)[1], lines


def use_small_segments():
    store.SEGMENT_ROWS = SMALL_SEGMENTS


def prepared(folder, seed, steps=25, *, engine="auto", rows=0):
    """An index with a history, in a folder, and its model; with `rows` it begins with at least so many."""
    use_small_segments()
    model = Model()
    with Index(6, "euclidean", store=folder, durability="fast", engine=engine) as index:
        done = [of_kind(seed, "big")] if rows else []
        done += [step for number in range(steps) if (step := operation(seed, number))[0] != "big"]
        for step in done:
            apply(index, step)
            model.apply(step)
    if len(model.items) < rows:
        raise ValueError(f"{len(model.items)} rows are too few")
    return model


def run(campaigns):
    """Run the campaign named on the command line: name, folder, seed, and its own arguments."""
    name, folder, seed, *rest = sys.argv[1:]
    campaigns[name](Path(folder), int(seed), *(int(value) if value.isdigit() else value for value in rest))
