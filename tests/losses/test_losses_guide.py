"""The guide's program is one program, from its first block to its last."""

import re
from pathlib import Path

import numpy as np
import pytest

from keras_similarity import losses

GUIDE = Path(__file__).parents[2] / "docs" / "losses.md"


@pytest.mark.slow
def test_the_guide_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(block, names)  # the guide's own words
    # A queue that fills brings more negatives, so that its loss grows at first.
    assert np.isfinite(names["remembered"]["loss"]).all()
    for history in ("history", "mined", "parts"):
        assert names[history]["loss"][-1] < names[history]["loss"][0], history


def test_the_guide_tells_of_every_loss():
    text = GUIDE.read_text()
    classes = [name for name, value in vars(losses).items() if isinstance(value, type) and name.endswith("Loss")]
    assert len(classes) > 20
    assert not [name for name in classes if name != "MetricLoss" and f"`{name}`" not in text]
