"""The guide to the index prints what it says."""

import pytest

from guides import run_guide


def test_the_guide_prints_what_it_says(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.chdir(tmp_path)
    run_guide("indexing.md")
