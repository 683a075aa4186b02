"""Where an index lives: a URL of Milvus, with the collection's name. What is shown of it holds no password."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Address"]

NAME = re.compile(r"[a-z_][a-z0-9_]{0,199}(?<!_writer)")  # that is the lock of another
PORT = 19530
OPTIONS = ("table", "timeout", "token", "secure", "ca")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A parsed URL.

    Args:
        uri: What pymilvus connects to, without user and password.
        user, password, token: Who asks; "" for nobody.
        database: "" for the default one.
        table: Name of the index's collection.
        timeout: Seconds that a call may take.
        ca: File with the certificate of who signed the server's, "" for the system's.
        shown: What people may see of it.
    """

    uri: str
    user: str
    password: str
    token: str
    database: str
    table: str
    timeout: float
    ca: str
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may see: blotted out of the words of others."""
        return tuple(secret for secret in (self.password, self.token) if secret)

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Return the parts of a URL `milvus://user:password@host:19530/database?table=NAME&…`.

        Options are `table`, `timeout` (seconds, 10), `token`, `secure` (true or false) and `ca` (a file).

        Raises:
            ValueError: no table, a name that can be none, or an option that there is not. The message never repeats
                the URL, which may hold a password.
        """
        host, port, user, password, path, options = _parts(url)
        table = options.get("table", "")
        if not NAME.fullmatch(table):
            raise ValueError(
                "`store` needs the name of a collection in its URL, of lower-case letters, digits and underscores, "
                f"without _writer at its end: got table={table!r:.60}.\n  Write milvus://host:{PORT}?table=shoes."
            )
        if not re.fullmatch(r"[A-Za-z0-9_]*", path):
            raise ValueError(
                "`store` needs a database of letters, digits and underscores in its URL.\n"
                f"  Write milvus://host:{PORT}/shop?table=shoes, or leave it out."
            )
        secure = _choice(options.get("secure", "true" if "ca" in options else "false")) == "true"
        place = f"{host}:{port}"
        shown = f"milvus://{user}{'@' if user else ''}{place}{f'/{path}' if path else ''}?table={table}"
        uri = f"{'https' if secure else 'http'}://{place}"
        timeout = _seconds(options.get("timeout", "10"))
        return cls(uri, user, password, options.get("token", ""), path, table, timeout, options.get("ca", ""), shown)


def _parts(url: str) -> tuple[str, int, str, str, str, dict[str, str]]:
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        host, port = parts.hostname or "localhost", parts.port or PORT
        (user + password + host).encode()
        if parts.fragment or not all(name in OPTIONS for name in options):
            raise ValueError("an option that there is not")
    except ValueError:  # its words may repeat a part of the URL, so they are dropped
        raise ValueError(
            "`store` needs a URL of Milvus: this one is not understood.\n"
            f"  Write milvus://user:password@host:{PORT}/database?table=shoes, with %40 for @ in a password; options "
            f"are {', '.join(OPTIONS)}."
        ) from None
    return f"[{host}]" if ":" in host else host, port, user, password, parts.path.strip("/"), options


def _choice(text: str) -> str:
    if text not in ("true", "false"):
        raise ValueError("`secure` must be true or false.\n  Write secure=true for TLS.")
    return text


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text) or not 0 < float(text) <= 3600:
        raise ValueError(f"`timeout` must be seconds above 0 and up to 3600: got {text!r:.20}.\n  Write timeout=10.")
    return float(text)
