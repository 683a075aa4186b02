"""What the page on several devices shows for each backend runs as it stands, on devices made of one CPU."""

import re

import pytest

from distributed.test_training import FOUR_DEVICES, TORCHRUN, run
from guides import text_of

pytestmark = pytest.mark.slow
BEFORE = """
import keras_similarity as ks
import keras
import numpy as np

x, y = np.random.default_rng(0).normal(size=(64, 4)).astype("float32"), np.arange(64) % 8
sampler = ks.samplers.MultiShotMemorySampler(x, y, 8, 4, steps_per_epoch=2, seed=1)
loss = ks.losses.MultiSimilarityLoss()


def make_model():
    inputs = keras.Input((4,))
    return ks.SimilarityModel(inputs, ks.layers.MetricEmbedding(3)(inputs))


model = make_model()
embeddings, labels = keras.ops.convert_to_tensor(x[:8]), keras.ops.convert_to_tensor(y[:8])
"""
TRAINED = {
    "JAX": "model = make_model(); model.compile('adam', loss=loss); model.fit(sampler, verbose=0); print(len(devices))",
    "TensorFlow": "print(strategy.num_replicas_in_sync)",
    "PyTorch": "print(world, float(value)) if rank == 0 else None; distributed.destroy_process_group()",
    "A loss of your own": "print(tuple(rows.shape), tuple(codes.shape))",
}
HOW = {
    "JAX": ("jax", (), FOUR_DEVICES, "4"),
    "TensorFlow": ("tensorflow", (), {}, "1"),
    "PyTorch": ("torch", TORCHRUN, {}, "2 "),
    "A loss of your own": ("jax", (), {}, "(8, 4) (8,)"),
}


def snippets():
    """Heading -> program."""
    sections = [section.split("\n", 1) for section in text_of("distributed.md").split("\n## ")[1:]]
    found = {heading: re.search(r"```python\n(.*?)```", text, re.DOTALL) for heading, text in sections}
    return {heading: match[1] for heading, match in found.items() if match}


def test_every_program_of_the_page_is_here():
    assert set(snippets()) == set(HOW) == set(TRAINED)
    assert text_of("distributed.md").count("```python") == len(HOW)


def test_loss_of_ones_own__on_torch__has_the_rows_of_both_processes(tmp_path):
    program = tmp_path / "program.py"
    start = "import torch\nfrom torch import distributed\ndistributed.init_process_group('gloo')"
    end = "print(tuple(rows.shape), tuple(codes.shape)) if distributed.get_rank() == 0 else None"
    snippet = snippets()["A loss of your own"]
    program.write_text(f"{BEFORE}\n{start}\n{snippet}\n{end}\ndistributed.destroy_process_group()\n")
    assert run("torch", *TORCHRUN, program).splitlines()[-1] == "(16, 4) (16,)"


@pytest.mark.parametrize("heading", HOW)
def test_program_of_the_page__runs(heading, tmp_path):
    backend, launcher, environment, printed = HOW[heading]
    program = tmp_path / "program.py"
    program.write_text(f"{BEFORE}\n{snippets()[heading]}\n{TRAINED[heading]}\n")
    assert run(backend, *launcher, program, **environment).splitlines()[-1].startswith(printed)
