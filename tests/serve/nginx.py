"""nginx in front of servers, with the lines of the guide."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from serve.serving import wait_until

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
OUTSIDE = """
%s
worker_processes 1;
daemon off;
pid FOLDER/pid;
error_log FOLDER/errors;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path FOLDER/bodies;
    proxy_temp_path FOLDER/proxied;
    fastcgi_temp_path FOLDER/f;
    uwsgi_temp_path FOLDER/u;
    scgi_temp_path FOLDER/s;
    %s
}
"""


def program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found, f"these tests need {name}: apt-get install nginx-light openssl curl"
    return found


def make_certificate(folder, name):
    """Return the paths of a certificate for a name and localhost, signed by itself, and of its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    about = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:localhost", "-days", "2"]
    make = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([*make, *about], check=True, capture_output=True)
    return certificate, key


def blocks(language, path):
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^\s*```{language}\n(.*?)^\s*```", path.read_text(), re.DOTALL | re.MULTILINE)


def guide(ours):
    """The lines of the guide, with our own ports and files in place of some words, each of which is there once."""
    (config,) = blocks("nginx", GUIDES / "deploy.md")
    for given, other in ours.items():
        assert config.count(given) == 1, given
        config = config.replace(given, other)
    return config


@contextlib.contextmanager
def proxy(folder, config, port):
    """Run nginx, which listens on a port."""
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text((OUTSIDE % (user, config)).replace("FOLDER", str(folder)))
    command = [program("nginx"), "-p", folder, "-e", folder / "errors", "-c", folder / "nginx.conf"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port) or running.poll() is not None)
        assert running.poll() is None, (folder / "errors").read_text()
        yield
    finally:
        running.terminate()
        running.wait(10)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
