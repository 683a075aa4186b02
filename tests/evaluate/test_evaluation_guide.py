"""The guide to evaluation prints what it says, and its open-set example holds."""

import numpy as np
import pytest

from guides import run_guide


@pytest.mark.training
@pytest.mark.slow
def test_the_guide_prints_what_it_says():
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    names = run_guide("evaluation.md")
    strangers = np.flatnonzero(names["y"][names["fourth"]] == 9)
    accepted = np.mean([names["matches"][row] != "unknown" for row in strangers.tolist()])
    assert accepted < 0.1, "the threshold was chosen on eights, for an FPR of 0.05"
    assert all(len(table) for table in names["tables"].values())
