"""The guide to databases prints what it says, and its SQL is what PostgreSQL takes."""

import re

from guides import run_guide, text_of


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
    monkeypatch.setenv("SHOES_URL", postgres.url("shoes"))  # the page's table, of which its SQL speaks
    run_guide("databases.md")
    (own_index,) = re.findall(r"```sql\n(.*?)```", text_of("databases.md"), re.DOTALL)
    postgres.execute(own_index)
    (defined,) = postgres.execute("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%price%'")
    assert "jsonb_typeof((metadata -> 'price'::text)) = 'number'::text" in defined[0]
    postgres.execute("DROP TABLE shoes, shoes_labels, shoes_state")
