"""The guide's program is one program, from its first block to its last."""

import re
from pathlib import Path

import numpy as np
import pytest

from keras_similarity import SimilarityModel, layers

GUIDE = Path(__file__).parents[2] / "docs" / "heads.md"


@pytest.mark.slow
def test_the_guide_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(block, names)  # the guide's own words
        if block is blocks[0]:
            assert names["history"].history["loss"][-1] < names["history"].history["loss"][0]
        if block is blocks[1]:
            assert names["neighbors"][0].label == 0
        if block is blocks[2]:
            assert np.array_equal(names["encoder"].embed(names["x"]), names["model"].embed(names["x"]))
    assert type(names["encoder"]) is SimilarityModel
    assert len(names["encoder"].outputs) == 1


def test_the_guide_tells_of_every_head():
    text = GUIDE.read_text()
    heads = [
        value for value in vars(layers).values() if isinstance(value, type) and issubclass(value, layers.ClassHead)
    ]
    assert len(heads) > 9
    assert not [head.__name__ for head in heads if head is not layers.ClassHead and f"`{head.__name__}`" not in text]
