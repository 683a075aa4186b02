"""The guide to losses runs, and names them all."""

import numpy as np
import pytest

from guides import run_guide, text_of
from keras_similarity import losses


@pytest.mark.slow
def test_the_guide_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_guide("losses.md")
    # A queue that fills brings more negatives, so that its loss grows at first.
    assert np.isfinite(names["remembered"]["loss"]).all()
    for history in ("history", "mined", "parts"):
        assert names[history]["loss"][-1] < names[history]["loss"][0], history


def test_the_guide_tells_of_every_loss():
    text = text_of("losses.md")
    classes = [name for name, value in vars(losses).items() if isinstance(value, type) and name.endswith("Loss")]
    assert len(classes) > 20
    assert not [name for name in classes if name not in ("MetricLoss", "ViewLoss") and f"`{name}`" not in text]
