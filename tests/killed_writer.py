"""A process that writes to an index until it is killed."""

import contextlib
import multiprocessing
import os
import signal
import time

import numpy as np

from keras_similarity import Index

ROWS = 50  # of a write


def batch(number):
    """The arguments of a write: rows that tell which one they are of."""
    return {
        "embeddings": np.full((ROWS, 8), number),
        "labels": [number] * ROWS,
        "ids": [f"{number} {row}" for row in range(ROWS)],
    }


def last_write_of_a_killed_writer(store, rng):
    """Return the number of the last write that it told of; one more may have begun."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    writer = context.Process(target=_write, args=(store, there))
    writer.start()
    there.close()
    last = here.recv()
    time.sleep(float(rng.uniform(0, 0.3)))
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    with contextlib.suppress(EOFError):
        while True:
            last = here.recv()
    return last


def _write(store, told):
    with Index.open(store, durability="fast") as index:
        number = 0
        while True:
            index.add(**batch(number))
            told.send(number)
            number += 1
