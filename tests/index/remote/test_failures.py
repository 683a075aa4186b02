"""What people read of an error that a database has no better words for."""

import pytest

from keras_similarity.index.remote.milvus import failures as milvus
from keras_similarity.index.remote.postgres import failures as postgres
from keras_similarity.index.remote.qdrant import failures as qdrant


def of_postgres():
    psycopg = pytest.importorskip("psycopg", reason="an extra (postgres); make test-all has it")
    return postgres.as_failure(psycopg.errors.DivisionByZero(), "postgresql://host?table=x")


def of_milvus():
    pymilvus = pytest.importorskip("pymilvus", reason="an extra (milvus); make test-all has it")
    return milvus.as_failure(pymilvus.MilvusException(1, "no"), "milvus://host?table=x", ())


def of_qdrant():
    return qdrant.as_failure(ValueError("no"), "qdrant://host?table=x", "", writes=False)


@pytest.mark.parametrize("failure", [of_postgres, of_milvus, of_qdrant])
def test_refusal_of_no_known_kind__says_where_to_look(failure):
    first, second = str(failure()).split("\n")
    assert "refused" in first
    assert second == "  Nothing was changed; the server's log may say why."
