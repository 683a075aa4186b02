"""What PostgreSQL makes of rows that are wider than pgvector's graph takes."""

import re

import pytest

import keras_similarity as ks
from keras_similarity.export import write_pgvector


def wide_index(rng, width, distance="euclidean", scale=1.0):
    found = ks.Index(width, distance)
    found.add(scale * rng.normal(size=(3, width)), ids=["a", "b", "c"])
    return found


@pytest.mark.parametrize(
    ("width", "scale", "said"),
    [
        (2000, 1, "CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);"),
        (2001, 1, "CREATE INDEX ON items USING hnsw ((embedding::halfvec(2001)) halfvec_l2_ops);"),
        (4000, 1, "CREATE INDEX ON items USING hnsw ((embedding::halfvec(4000)) halfvec_l2_ops);"),
        (4001, 1, "-- No index: pgvector's take rows of up to 4,000 numbers, these have 4,001."),
        (2001, 1e5, "-- No index: as 16-bit numbers, which pgvector's take above 2,000, none may be beyond 65,504."),
        (2000, 1e5, "CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);"),
    ],
)
def test_pgvector__wide_rows__have_an_index_that_pgvector_takes_or_none(tmp_path, rng, width, scale, said):
    write_pgvector(wide_index(rng, width, scale=scale), tmp_path / "v.sql")
    lines = (tmp_path / "v.sql").read_text().splitlines()
    assert lines[-1] == said
    assert sum("CREATE INDEX" in line for line in lines) == said.startswith("CREATE")


def test_pgvector__rows_of_more_numbers_than_it_keeps__are_refused(tmp_path, rng):
    with pytest.raises(ValueError, match=r"up to 16,000 numbers: these have 16,001"):
        write_pgvector(wide_index(rng, 16_001), tmp_path / "v.sql")
    assert not list(tmp_path.iterdir())


@pytest.mark.database
@pytest.mark.parametrize(
    ("width", "distance", "scale", "operator"),
    [
        (2001, "euclidean", 1, "<->"),
        (2001, "cosine", 1, "<=>"),
        (2001, "inner_product", 1, "<#>"),
        (4000, "manhattan", 1, "<+>"),
        (2001, "euclidean", 1e5, "<->"),
        (16_000, "euclidean", 1, "<->"),
    ],
)
def test_pgvector__psql_reads_the_file_of_wide_rows(postgres, tmp_path, rng, width, distance, scale, operator):
    found = wide_index(rng, width, distance, scale)
    write_pgvector(found, tmp_path / "v.sql")
    postgres.execute("DROP TABLE IF EXISTS items")
    postgres.run_file(tmp_path / "v.sql")
    query = found.get(["b"])[0].embedding
    [row] = postgres.execute(
        f"SELECT id FROM items ORDER BY embedding {operator} %s::vector LIMIT 1", str(query.tolist())
    )
    assert row == (found.search(query[None], 1).ids[0, 0],)
    postgres.execute("DROP TABLE items")


@pytest.mark.database
def test_pgvector__index_of_wide_rows__is_used_by_the_query_that_the_file_shows(postgres, tmp_path, rng):
    psycopg = pytest.importorskip("psycopg", reason="an extra (postgres); make test-all has it")
    found = wide_index(rng, 2001)
    write_pgvector(found, tmp_path / "v.sql")
    postgres.execute("DROP TABLE IF EXISTS items")
    postgres.run_file(tmp_path / "v.sql")
    [shown] = re.findall(r"^-- (SELECT .* LIMIT k)$", (tmp_path / "v.sql").read_text(), re.MULTILINE)
    query = found.get(["b"])[0].embedding.tolist()
    asked = shown.replace("QUERY", f"'{query}'").replace(" LIMIT k", " LIMIT 1")
    assert postgres.execute(asked) == [("b",)]
    with psycopg.connect(postgres.uri) as connection:
        connection.execute("SET enable_seqscan = off")  # as three rows are read more quickly without the index
        assert "items_embedding_idx" in str(connection.execute(f"EXPLAIN {asked}").fetchall())
    postgres.execute("DROP TABLE items")
