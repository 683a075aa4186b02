"""A database whose writers are killed, whose connections are ended, and whose server crashes, at random moments.

Every write that was acknowledged is there, every other one as a whole or not at all.
"""

import contextlib
import multiprocessing
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.campaign import Tally, run
from faults.workload import DIM, Model, operation
from faults.workload import apply as applied
from keras_similarity import Index
from keras_similarity.errors import DatabaseUnavailableError
from milvus_server import MilvusServer
from postgres_server import PostgresServer

AFTERWARDS = 0.4  # seconds that a writer goes on after a fault that it survives


def postgres(folder, seed, faults):
    """In turns: the writer killed, every connection ended, the server stopped as by a crash and started again."""
    server = PostgresServer(folder / "pg")

    def crash():
        server.stop("immediate")
        server.start()

    try:
        kinds = {"writers killed": None, "connections ended": server.end_connections, "crashes of the server": crash}
        _campaign(server.url(), seed, faults, kinds)
    finally:
        server.close()


def milvus(folder, seed, faults):
    """The writer killed; the server takes a minute to come back, so that its crashes are for the tests."""
    server = MilvusServer(folder / "milvus")
    try:
        _campaign(server.url(), seed, faults, {"writers killed": None})
    finally:
        server.close()


def _campaign(store, seed, faults, kinds):
    tally, chance = Tally(seed), random.Random(seed)
    Index(DIM, "euclidean", store=store).close()
    model, number = Model(), 0
    count = dict.fromkeys(kinds, 0)
    while tally.faults < faults:
        kind = list(kinds)[tally.faults % len(kinds)]
        count[kind] += 1
        done = list(_steps_until(kinds[kind], store, seed, number, chance, tally))
        for step in done:
            model.apply(operation(seed, step))
            number = step + 1
        there = tally.follow(store, model, seed, number)
        if there is None:
            break
        model, number = there
    tally.notes += [f"{number} operations", *(f"{times} {kind}" for kind, times in count.items())]
    tally.report()


def _steps_until(fault, store, seed, number, chance, tally):
    """Start a writer, do something to it, and return the steps that it was told are done."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    writer = context.Process(target=_write_on, args=(store, seed, number, there))
    writer.start()
    there.close()
    yield from _told(here, tally, most=1)
    time.sleep(chance.uniform(0, 0.3))
    if fault is not None:
        fault()
        time.sleep(AFTERWARDS)
    writer.kill()
    writer.join()
    yield from _told(here, tally)


def _told(pipe, tally, most=None):
    """Return the steps that a writer tells of; that it is not known what became of one is no error."""
    with contextlib.suppress(EOFError):
        while most is None or most > 0:
            step = pipe.recv()
            if isinstance(step, int):
                yield step
            elif "not known" not in step:
                tally.error(step)
            most = None if most is None else most - 1


def _write_on(store, seed, number, told):
    try:
        with Index.open(store) as index:
            while True:
                applied(index, operation(seed, number))
                told.send(number)
                number += 1
    except DatabaseUnavailableError as error:
        told.send(str(error))


if __name__ == "__main__":  # a writer imports this file too
    run({"postgres": postgres, "milvus": milvus})
