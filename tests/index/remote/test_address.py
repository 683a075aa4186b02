"""Where an index lives, and what nobody may see of it."""

import logging
import traceback
from pathlib import Path

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import DatabaseError, DatabaseUnavailableError, KerasSimilarityError
from keras_similarity.index.remote.milvus.address import Address
from keras_similarity.index.remote.postgres import session
from keras_similarity.index.remote.qdrant.address import Address as QdrantAddress
from milvus_server import MilvusServer

SECRET = "s3cret@/:%"
WRONG = "wr0ng"  # apart: a traceback quotes the line of a call
QUOTED = "s3cret%40%2F%3A%25"

psycopg = pytest.importorskip("psycopg", reason="an extra (postgres); make test-all has it")
pymilvus = pytest.importorskip("pymilvus", reason="an extra (milvus); make test-all has it")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://host/db", "needs the name of a table in its URL"),
        ("postgresql://host/db?table=", "needs the name of a table"),
        ('postgresql://host/db?table=x";drop', "needs the name of a table"),
        ("postgresql://host/db?table=Shoes", "of lower-case letters"),
        ("postgresql://host/db?table=a.b.c", "needs the name of a table"),
        ("postgresql://host/db?table=shoes&connections=0", "`connections` must be a number from 1 to 1000"),
        (f"postgresql://me:{QUOTED}@host/db?table=shoes&nonsense=1", "as libpq reads it"),
        (f"postgresql://me:{QUOTED}%zz@host/db?table=shoes", "as libpq reads it"),
        ("postgresql://me:[s3cret]@host/db?table=shoes", "as libpq reads it"),
        ("postgresql://me:s3cret℀@host/db?table=shoes", "as libpq reads it"),
        ("postgresql://me:s3cret%ff@host/db?table=shoes", "as libpq reads it"),
        ("postgresql://me:s3cret\ud800@host/db?table=shoes", "as libpq reads it"),
        ("postgresql://me:s3/cret@host/db?table=shoes", "with %40 for @ and %2F for /"),
        ("postgresql://me:a@s3cret@host/db?table=shoes", "with %40 for @ and %2F for /"),
        ("postgresql://me:a@b/s3cret@host/db?table=shoes", "with %40 for @ and %2F for /"),
        ("postgresql://me:s3cret/db?table=shoes", "with %40 for @ and %2F for /"),
        ("postgresql://me:a?s3cret@host/db?table=shoes", "with %40 for @ and %2F for /"),
        ("postgresql://me:a#s3cret@host/db?table=shoes", "with %40 for @ and %2F for /"),
        ("milvus://host", "needs the name of a collection in its URL"),
        ('milvus://host?table=x";drop', "needs the name of a collection"),
        ("milvus://host?table=shop.shoes", "of lower-case letters"),
        ("milvus://host?table=shoes_writer", "without _writer at its end"),
        ("milvus://host/a-b?table=shoes", "needs a database of letters"),
        ("milvus://host?table=shoes&timeout=0", "`timeout` must be seconds above 0"),
        ("milvus://host?table=shoes&secure=yes", "`secure` must be true or false"),
        (f"milvus://me:{QUOTED}@host?table=shoes&nonsense=1", "options are table, timeout, token, secure, ca"),
        (f"milvus://me:{QUOTED}@host:99999?table=shoes", "needs a URL of Milvus"),
        ("milvus://me:[s3cret]@host?table=shoes", "needs a URL of Milvus"),
        ("milvus://me:s3cret\u2100@host?table=shoes", "needs a URL of Milvus"),
        ("milvus://me:s3cret\ud800@host?table=shoes", "needs a URL of Milvus"),
        ("qdrant://host", "needs the name of a collection in its URL"),
        ("qdrant:///folder?table=Shoes", "of lower-case letters"),
        ("qdrant://host?table=shoes&timeout=0.5", "`timeout` must be whole seconds from 1 to 3600"),
        ("qdrant://host?table=shoes&secure=yes", "`secure` must be true or false"),
        (f"qdrant://me:{QUOTED}@host?table=shoes", "with an api_key=… in place of a user"),
        ("qdrant://host?table=shoes&api_key=s3cret&nonsense=1", "options are table, timeout, api_key, secure"),
        ("qdrant://host:99999?table=shoes&api_key=s3cret", "needs a URL of Qdrant"),
        ("qdrant://host/path?table=shoes&api_key=s3cret", "needs a URL of Qdrant"),
        ("qdrant:///folder?table=shoes&api_key=s3cret", "needs a URL of Qdrant"),
        ("qdrant://host?table=shoes&api_key=s3cret\u2100", "needs a URL of Qdrant"),
        ("qdrant://host?table=shoes&api_key=s3cret%0a", "needs a URL of Qdrant"),
    ],
)
def test_url_that_cannot_be__says_what_must_hold_and_no_secret(url, words):
    for call in (Index.open, lambda store: Index(3, store=store)):
        with pytest.raises(ValueError, match=words) as caught:
            call(url)
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_milvus_url__shows_no_secret_and_names_each():
    address = Address.parse(f"milvus://me:{QUOTED}@host?table=shoes&token=t0ken")
    assert address.secrets == (SECRET, "t0ken")
    assert (address.shown, repr(address)) == (shown := "milvus://me@host:19530?table=shoes", f"Address({shown!r})")


def test_qdrant_url__shows_no_secret():
    address = QdrantAddress.parse("qdrant://host?table=shoes&api_key=s3cret&secure=true")
    assert (address.url, address.api_key) == ("https://host:6333", "s3cret")
    assert (address.shown, repr(address)) == (shown := "qdrant://host:6333?table=shoes", f"Address({shown!r})")
    folder = QdrantAddress.parse("qdrant:///a%20folder/b?table=shoes")
    assert (folder.url, folder.folder, folder.shown) == ("", "/a folder/b", "qdrant:///a%20folder/b?table=shoes")


def test_url_where_only_a_folder_does__is_refused_and_no_secret(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"postgresql://me:{QUOTED}@host/db?table=shoes"
    index = Index(3)
    for place in (url, Path(url)):  # a path, as a command line makes one of its arguments
        for call in (Index.repair, index.save, index.snapshot):
            with pytest.raises(ValueError, match="`path` must be a folder: got a URL") as caught:
                call(place)
            assert "s3cret" not in str(caught.value)
    for call in (Index.open, lambda place: Index(3, store=place)):
        with pytest.raises(ValueError, match="must be a folder") as caught:
            call(Path(url))
        assert "s3cret" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_password__is_in_no_error_and_no_log(caplog, monkeypatch):
    monkeypatch.setattr(session, "WAIT_SECONDS", 0.5)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DatabaseUnavailableError, match=r"me@127\.0\.0\.1:9/db") as caught:
        Index.open(f"postgresql://me:{QUOTED}@127.0.0.1:9/db?table=shoes&connect_timeout=2")
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "s3cret" not in said


def test_milvus_that_is_not_there__no_password_in_error_log_or_stderr(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for secrets in (f"me:{QUOTED}@127.0.0.1:9?table=shoes", f"127.0.0.1:9?table=shoes&token={QUOTED}"):
        with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:9\?table=shoes cannot be reached") as caught:
            Index.open(f"milvus://{secrets}&timeout=1")
        said = "".join(traceback.format_exception(caught.value)) + caplog.text
        assert "s3cret" not in said
    assert capfd.readouterr() == ("", "")


def test_words_of_libpq_that_repeat_a_password__are_blotted_out(monkeypatch):
    def refuse(conninfo, **options):  # no version is known to; its words are not ours
        raise psycopg.OperationalError(f"cannot use {SECRET}")

    monkeypatch.setattr(psycopg, "connect", refuse)
    with pytest.raises(DatabaseUnavailableError, match=r"cannot use \*\*\*\.") as caught:
        Index.open(f"postgresql://me:{QUOTED}@host/db?table=shoes")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_words_of_libpq_that_repeat_a_password_of_the_environment__are_blotted_out(monkeypatch):
    def refuse(conninfo, **options):
        raise psycopg.OperationalError("cannot use s3cret")

    monkeypatch.setattr(psycopg, "connect", refuse)
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    with pytest.raises(DatabaseUnavailableError, match=r"cannot use \*\*\*\.") as caught:
        Index.open("postgresql://me@host/db?table=shoes")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_rows_that_a_server_quotes__are_in_no_traceback(postgres):
    customer = " ".join(["Ada", "Lovelace"])  # apart: a traceback quotes the line of a call
    with Index(3, store=postgres.url()) as index:
        table = index.store.rpartition("table=")[2]
        postgres.execute(f"ALTER TABLE {table} ADD CONSTRAINT few CHECK (id_text <> '{customer}')")
        with pytest.raises(DatabaseError, match="few") as caught:
            index.add(np.ones((1, 3)), ids=[customer])
    assert customer not in "".join(traceback.format_exception(caught.value))


def test_server_with_passwords__right_one_opens_and_wrong_one_says_so(postgres, caplog):
    caplog.set_level(logging.DEBUG)
    postgres.execute("CREATE EXTENSION IF NOT EXISTS vector")
    postgres.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
    postgres.execute("GRANT CREATE ON SCHEMA public TO reader")
    rules = postgres.folder / "pg_hba.conf"
    before = rules.read_text()
    try:
        rules.write_text(f"local all reader scram-sha-256\n{before}")
        postgres.reload()
        url = postgres.url(user="reader", password=SECRET)
        with Index(3, store=url) as index:
            index.add(np.ones((1, 3)))
            seen = [repr(index), str(index.describe()), index.store, repr(index._session._address), str(vars(index))]
        with pytest.raises(DatabaseUnavailableError, match="password authentication failed") as caught:
            Index.open(postgres.url(user="reader", password=WRONG))
        seen.append("".join(traceback.format_exception(caught.value)))
        with Index.open(url) as index:
            postgres.execute(f"ALTER TABLE {url.rpartition('table=')[2]} OWNER TO postgres")
            with pytest.raises(KerasSimilarityError) as refused:
                index.add(np.ones((1, 3)))
        assert "permission denied" in str(refused.value)
        seen += ["".join(traceback.format_exception(refused.value)), caplog.text]
        assert not [text for text in seen if "s3cret" in text or "wr0ng" in text]
    finally:
        rules.write_text(before)
        postgres.reload()


def test_user_who_may_not_install_pgvector__is_told_what_to_ask_for(postgres):
    postgres.execute("CREATE ROLE guest LOGIN")
    postgres.execute("CREATE DATABASE bare OWNER guest")
    with pytest.raises(DatabaseError, match=r"needs pgvector 0\.8.*has none\.\n.*CREATE EXTENSION vector"):
        Index(3, store=postgres.url(user="guest", database="bare"))


def test_database_in_another_encoding__is_refused(postgres):
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(DatabaseError, match=r"needs a database in UTF8.*is in LATIN1"):
        Index(3, store=postgres.url(database="latin"))


@pytest.mark.slow
def test_milvus_with_passwords__right_one_opens_and_wrong_one_says_so(milvus, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    server = MilvusServer(tmp_path / "milvus", authorization_enabled=True)
    try:
        pymilvus.MilvusClient(f"http://127.0.0.1:{server.port}", user="root", password="Milvus").create_user(
            "reader", SECRET
        )
        url = server.url(user="root", password="Milvus")
        with Index(3, store=url) as index:
            index.add(np.ones((1, 3)))
            seen = [repr(index), str(index.describe()), index.store, repr(index._session._address), str(vars(index))]
        with pytest.raises(KerasSimilarityError, match="the password or the token") as caught:
            Index.open(server.url("x", user="root", password=WRONG))
        seen.append("".join(traceback.format_exception(caught.value)))
        with pytest.raises(KerasSimilarityError, match="refused") as refused:  # may not even look
            Index.open(url.replace("root:Milvus", f"reader:{QUOTED}"))
        seen += ["".join(traceback.format_exception(refused.value)), caplog.text, *capfd.readouterr()]
        assert not [text for text in seen if "s3cret" in text or "wr0ng" in text]
    finally:
        server.close()
