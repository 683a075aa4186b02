"""Where an index lives: a URL of PostgreSQL, with the table's name. What is shown of it holds no password."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from keras_similarity.core.extras import import_extra

__all__ = ["Address"]

NAME = re.compile(r"(?:[a-z_][a-z0-9_]{0,47}\.)?[a-z_][a-z0-9_]{0,47}")  # PostgreSQL cuts names at 63 bytes
# A "/", "@" or "#" more is one of a password, whose rest would pass for a host or a database, which are shown.
PLACE = re.compile(r"(?:[^@/#]*@)?[^@/#]*(?:/[^@/#]*)?")
MOST_CONNECTIONS = 8
# Of libpq's options these alone are shown; any other may be a secret.
SHOWN = ("user", "host", "port", "dbname")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A parsed URL.

    Args:
        conninfo: What libpq is given, with the password if there was one.
        table: Name of the index's table, with its schema or without.
        connections: The most that are open at a time.
        shown: What people may see of it.
        secrets: What nobody may see: blotted out of the words of others.
    """

    conninfo: str
    table: str
    connections: int
    shown: str
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Return the parts of a URL `postgresql://user@host:port/database?table=NAME&…`.

        Ours are `table` and `connections`; every other option goes to libpq (sslmode, sslrootcert, connect_timeout,
        options, service, …).

        Raises:
            ValueError: no table, a name that can be none, or a URL that libpq does not understand. The message never
                repeats the URL, which may hold a password.
            MissingExtraError: psycopg is not installed.
        """
        own, known = _understood(url)
        table = own.get("table", "")
        if not NAME.fullmatch(table):
            raise ValueError(
                "`store` needs the name of a table in its URL, of lower-case letters, digits and underscores, with a "
                f"schema before it or without: got table={table!r:.60}.\n  Write postgresql://…?table=shoes."
            )
        most = _whole(own.get("connections", str(MOST_CONNECTIONS)))
        secrets = tuple(str(known[name]) for name in ("password", "sslpassword") if known.get(name))
        return cls(_conninfo(known), table, most, _shown(known, table), secrets)


def _understood(url: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return our options and those of libpq."""
    psycopg = import_extra("psycopg", extra="postgres", purpose="an index in PostgreSQL")
    try:
        parts = urlsplit(url)
        if parts.fragment or not PLACE.fullmatch(parts.netloc + parts.path):
            raise ValueError("a letter of a password that needs to be quoted")
        given = parse_qsl(parts.query, keep_blank_values=True)
        own = {name: value for name, value in given if name in ("table", "connections")}
        rest = urlencode([pair for pair in given if pair[0] not in own], quote_via=quote)
        known = psycopg.conninfo.conninfo_to_dict(urlunsplit(parts._replace(query=rest)))
        if not re.fullmatch("[0-9,]*", str(known.get("port") or "")):
            raise ValueError("a password that is cut by a slash, where no user is")
        return own, known
    except (psycopg.ProgrammingError, ValueError):  # their words may repeat a part of the URL, so they are dropped
        raise ValueError(
            "`store` needs a URL as libpq reads it: this one it does not understand.\n"
            "  Write postgresql://user@host:5432/database?table=shoes, with %40 for @ and %2F for / in a "
            "password."
        ) from None


def _conninfo(known: dict[str, Any]) -> str:
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**{"connect_timeout": "10", "application_name": "keras-similarity"} | known)


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise ValueError(f"`connections` must be a number from 1 to 1000: got {text!r:.20}.\n  Write connections=8.")
    return int(text)


def _shown(known: dict[str, Any], table: str) -> str:
    user, host, port, database = (str(known.get(name) or "") for name in SHOWN)
    sockets = host.startswith("/")
    place = ("" if sockets else host) + (f":{port}" if port else "")
    query = f"?host={host}&table={table}" if sockets else f"?table={table}"
    return f"postgresql://{user}{'@' if user else ''}{place}/{database}{query}"
