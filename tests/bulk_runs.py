"""What a run of bulk embedding left, and a run that is slow enough to be killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from keras_similarity.embed import Encoder, embed, read_shards

SLOW_ROWS, SLOW_SHARDS = 1000, 50
DRIVER = "import sys; from bulk_runs import run_slowly; run_slowly(sys.argv[1], sys.argv[2])"


def run_slowly(folder, executor):
    """Double some rows, slowly enough to be killed on the way."""

    def call(batch):
        time.sleep(0.05)
        return 2 * batch

    x = np.arange(3 * SLOW_ROWS, dtype=np.float32).reshape(SLOW_ROWS, 3)
    encoder = Encoder(call, "vector", (3,), 3, "double")
    return embed(x, encoder, folder, shard_rows=SLOW_ROWS // SLOW_SHARDS, executor=executor, workers=1)


def everything(folder):
    """Ids, labels and vectors of a folder, in their order."""
    batches = list(read_shards(folder))
    return (
        [id for batch in batches for id in batch.ids],
        [label for batch in batches for label in batch.labels],
        np.concatenate([batch.vectors for batch in batches]),
    )


def shards(folder):
    return sorted(path.name for path in folder.glob("shard-*"))


def kill_slow_driver(folder, executor, *, after, wait):
    """Let another process run slowly, and kill it `wait` seconds after the folder has so many shards."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", DRIVER, str(folder), executor]
    driver = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
    while len(shards(folder)) < after:
        assert driver.poll() is None
        time.sleep(0.01)
    time.sleep(wait)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL


def check_slow_rows(folder):
    """The slow driver's rows are there, each once, and nothing else is."""
    ids, _, vectors = everything(folder)
    assert ids == list(range(SLOW_ROWS))
    np.testing.assert_array_equal(vectors, 2 * np.arange(3 * SLOW_ROWS, dtype="float32").reshape(SLOW_ROWS, 3))
    assert len(list(folder.iterdir())) == SLOW_SHARDS + 2, "nothing is left of killed drivers"
