"""The guide's program is one program, from its first block to its last, and prints what the guide says."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "evaluation.md"


@pytest.mark.training
@pytest.mark.slow
def test_the_guide_prints_what_it_says():
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    blocks = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) == 8
    names = {}
    for program, output in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program, names)  # the guide's own words
        assert printed.getvalue() == output
    strangers = np.flatnonzero(names["y"][names["fourth"]] == 9)
    accepted = np.mean([names["matches"][row] != "unknown" for row in strangers.tolist()])
    assert accepted < 0.1, "the threshold was chosen on eights, for an FPR of 0.05"
    assert all(len(table) for table in names["tables"].values())
