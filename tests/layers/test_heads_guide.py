"""The guide to heads runs, and names them all."""

import numpy as np
import pytest

from guides import run_guide, text_of
from keras_similarity import SimilarityModel, layers


@pytest.mark.slow
def test_the_guide_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def check(block, names):
        if block == 0:
            assert names["history"].history["loss"][-1] < names["history"].history["loss"][0]
        if block == 1:
            assert names["neighbors"][0].label == 0
        if block == 2:
            assert np.array_equal(names["encoder"].embed(names["x"]), names["model"].embed(names["x"]))

    names = run_guide("heads.md", check)
    assert type(names["encoder"]) is SimilarityModel
    assert len(names["encoder"].outputs) == 1


def test_the_guide_tells_of_every_head():
    text = text_of("heads.md")
    heads = [
        value for value in vars(layers).values() if isinstance(value, type) and issubclass(value, layers.ClassHead)
    ]
    assert len(heads) > 9
    assert not [head.__name__ for head in heads if head is not layers.ClassHead and f"`{head.__name__}`" not in text]
