"""Look queries up in a saved model from a process that knows nothing but the file."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.errors import KerasSimilarityError

__all__ = ["lookup_in_fresh_process"]

# What a user would write, the import of our package before Keras's being all that it takes.
PROGRAM = """
import json, sys
import keras_similarity, keras, numpy
model = keras.saving.load_model(sys.argv[1])
result = model.lookup(numpy.load(sys.argv[2], allow_pickle=False), k=int(sys.argv[3]))
sys.stdout.write(json.dumps({"ids": result.ids.tolist(), "distances": result.distances.tolist()}))
"""


def lookup_in_fresh_process(path: Path, queries: NDArray[Any], *, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ids and distances `(q, k)` that a new Python process finds in the model at `path`.

    Raises:
        KerasSimilarityError: the process failed; the message has its last words.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "queries.npy")
        np.save(file, queries, allow_pickle=False)
        command = [sys.executable, "-c", PROGRAM, str(path), str(file), str(k)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KerasSimilarityError(
            f"a fresh process could not load {path}:\n{done.stderr[-2000:]}\n"
            "  Try `keras-similarity doctor`, which says what is installed."
        )
    found = json.loads(done.stdout)
    return np.array(found["ids"]), np.array(found["distances"])
