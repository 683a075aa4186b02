"""The guide to databases prints what it says."""

from guides import run_guide


def test_the_guide_to_several_servers_prints_what_it_says(postgres, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOES_URL", postgres.url())
    run_guide("guides/scale.md", least=1)


def test_the_guide_to_milvus_prints_what_it_says(milvus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOES_URL", milvus.url())
    run_guide("milvus.md", least=3)


def test_the_guide_to_qdrant_prints_what_it_says(qdrant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOES_URL", qdrant.url())
    run_guide("qdrant.md", least=3)


def test_the_guide_prints_what_it_says(postgres, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOES_URL", postgres.url())
    run_guide("databases.md")
