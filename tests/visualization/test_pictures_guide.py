"""The page on pictures and reports runs from top to bottom."""

import pytest

from guides import run_guide

pytestmark = pytest.mark.slow


def test_pictures_page__writes_its_map_and_its_report(tmp_path, monkeypatch):
    for package in ("plotly", "matplotlib", "sklearn"):
        pytest.importorskip(package, reason="an extra (viz); make test-all has it")
    monkeypatch.chdir(tmp_path)
    run_guide("pictures.md", least=2)
    for name in ("map.html", "report.html"):
        assert "<title>" in (tmp_path / name).read_text()
