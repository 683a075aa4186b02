"""What a model has made stays out of Python's collections: a full one would hold every request up."""

import subprocess
import sys

PROGRAM = """
import gc, os, signal, threading, time
import numpy as np
from keras_similarity.embed import Encoder
from keras_similarity.serve import Limits, Service, run_server
from keras_similarity.serve.metrics import Metrics

service = Service({}, limits=Limits(), metrics=Metrics())
encoder = Encoder(lambda rows: np.zeros((len(rows), 3), np.float32), "image", (8, 8, 3), 3, "zeros")

def watch():
    for _ in range(400):
        time.sleep(0.05)
        if gc.get_freeze_count():
            break
    print(gc.get_freeze_count(), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

run_server(service, port=0, load_encoder=lambda: encoder, started=lambda _: threading.Thread(target=watch).start())
"""


def test_server_with_a_model__leaves_what_is_there_out_of_collections():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000
