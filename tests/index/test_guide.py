"""The guide to the index prints what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "indexing.md"


def test_the_guide_prints_what_it_says(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```\s*```text\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    names = {}
    for program, output in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program, names)
        assert printed.getvalue() == output
