"""The peer: a part of the rows through the model's own `predict`, in this process. Prints when it began and ended."""

import json
import sys
import time

import keras
from encoder import BATCH_SIZE, rows_of

import keras_similarity  # noqa: F401  its layers must be known

model = keras.saving.load_model(sys.argv[1], compile=False)
rows = rows_of(int(sys.argv[2]))
model.predict(rows[: 2 * BATCH_SIZE], batch_size=BATCH_SIZE, verbose=0)  # compiled, as a warm worker is
print("ready", flush=True)
sys.stdin.readline()
started = time.monotonic()
model.predict(rows, batch_size=BATCH_SIZE, verbose=0)
print(json.dumps([started, time.monotonic()]))
