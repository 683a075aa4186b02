"""The sampler over a data set of the TensorFlow Datasets catalogue, read for real."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # one backend is enough: TensorFlow reads the files whichever trains

PROGRAM = """
import json, sys
import keras_similarity as ks
import numpy as np
import tensorflow_datasets as tfds

Sampler = ks.samplers.TFDatasetMultiShotMemorySampler
facts = {}
sampler = Sampler("mnist", 4, splits=["test"], class_list=[1, 3, 5, 7], seed=2)
again = Sampler("mnist", 4, splits=["test"], class_list=[1, 3, 5, 7], seed=2, preprocess_fn=lambda x, y: (x / 255, y))
rows = [(e["image"], int(e["label"])) for e in tfds.as_numpy(tfds.load("mnist", split="test").take(400))]
rows = [row for row in rows if row[1] in (1, 3, 5, 7)]
x, y = sampler.get_slice(10, 20)
facts["slice is exact"] = bool(all(np.array_equal(a, b[0]) for a, b in zip(x, rows[10:30])))
facts["labels are the user's"] = y.tolist() == [row[1] for row in rows[10:30]]
facts["an epoch has 1000 steps"] = len(sampler) == 1000
facts["preprocess_fn is applied"] = bool(np.allclose(again.get_slice(0, 5)[0], sampler.get_slice(0, 5)[0] / 255))
facts["seeded"] = bool(np.array_equal(sampler[3][1], again[3][1]))
try:
    Sampler("mnist", 4, splits=["test"], y_key="class")
except ValueError as error:
    facts["unknown key is named"] = "['image', 'label']: got 'class'" in str(error)
print(json.dumps(facts))
"""


def test_slices_labels_seed_and_keys(catalogue):
    backend = os.environ.get("KERAS_BACKEND", "jax")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TFDS_DATA_DIR": str(catalogue), "KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    facts = json.loads(done.stdout.strip().splitlines()[-1])
    assert facts == dict.fromkeys(facts, True)
    assert len(facts) == 6
