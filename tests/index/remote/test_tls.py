"""TLS to PostgreSQL as a URL asks for it; see `tls_relay.py` for what is at its other end."""

import shutil
import subprocess
import traceback

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import DatabaseUnavailableError
from tls_relay import GSS_REQUEST, TLS_REQUEST, TlsRelay

SECRET = "s3cret"


def certificate(folder, name):
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    about = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, *about]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture(scope="module")
def relay(postgres, tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("makes certificates with openssl")
    folder = tmp_path_factory.mktemp("tls")
    postgres.execute("CREATE EXTENSION IF NOT EXISTS vector")
    one = TlsRelay(postgres.socket, *certificate(folder, "localhost"))
    certificate(folder, "other")
    yield one, folder
    one.close()


@pytest.fixture
def url(relay, postgres):
    one, folder = relay

    def url(mode, root="localhost.pem", host="localhost"):
        table = postgres.url().rpartition("table=")[2]
        options = f"sslmode={mode}&sslrootcert={folder / root}"
        return f"postgresql://postgres:{SECRET}@{host}:{one.port}/postgres?table={table}&{options}"

    return url


def test_certificate_that_is_checked__everything_goes_encrypted(relay, url, rng):
    before = relay[0].handshakes
    vectors = rng.normal(size=(50, 8)).astype(np.float32)
    place = url("verify-full")
    with Index(8, "euclidean", store=place) as index:
        index.add(vectors, labels=["a"] * 50)
        assert index.search(vectors[:3], k=1).ids.tolist() == [[0], [1], [2]]
        assert index._session.read(lambda connection: connection.pgconn.ssl_in_use)
        assert "sslmode" not in index.store
    with Index.open(place) as index:
        assert len(index) == 50
    assert relay[0].handshakes > before
    assert relay[0].in_clear <= {TLS_REQUEST, GSS_REQUEST}


@pytest.mark.parametrize(
    ("root", "host", "words"),
    [("other.pem", "localhost", "certificate verify failed"), ("localhost.pem", "127.0.0.1", "does not match host")],
)
def test_certificate_of_another__is_refused_and_says_why(relay, url, root, host, words):
    with pytest.raises(DatabaseUnavailableError, match=words) as caught:
        Index.open(url("verify-full", root, host))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_server_without_tls__is_refused_where_it_is_asked_for(relay, url, postgres, monkeypatch):
    assert postgres.execute("SHOW ssl") == [("off",)]  # else the relay is needed no more
    monkeypatch.setattr(relay[0], "offers", False)
    with pytest.raises(DatabaseUnavailableError, match="server does not support SSL"):
        Index.open(url("require"))
