"""The page for each kind of data runs from top to bottom, and what it trains finds its like."""

import numpy as np
import pytest

from guides import run_guide

pytestmark = [pytest.mark.training, pytest.mark.slow]
LEAST_RECALL = {"images": 0.8, "tables": 0.85, "sounds": 0.85}


@pytest.mark.parametrize("page", ["images", "data_frame", "texts", "tables", "sounds"])
def test_the_page_runs_and_its_model_learned(page, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names = run_guide(f"data/{page}.md")
    losses = names["history"].history["loss"]
    assert losses[-1] < losses[0]
    if page in LEAST_RECALL:
        assert names["scores"]["recall@1"] >= LEAST_RECALL[page]
    if page == "images":
        assert names["same"]
    if page == "texts":
        model, pairs = names["again"], names["pairs"]
        found = model.lookup([right for _, right in pairs], k=1).ids[:, 0]
        assert (found == np.arange(len(pairs))).mean() >= 0.9
