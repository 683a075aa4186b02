"""Where an index lives: a URL of Qdrant, or a folder that its client works in. What is shown holds no key."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

__all__ = ["Address"]

NAME = re.compile(r"[a-z_][a-z0-9_]{0,199}")
KEY = re.compile(r"[!-~]*")  # what a header can say
PORT = 6333
OPTIONS = ("table", "timeout", "api_key", "secure")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A parsed URL.

    Args:
        url: What the client connects to, "" for none.
        folder: What it works in without a server, "" for none.
        api_key: Who asks; "" for nobody.
        table: Name of the index's collection.
        timeout: Seconds that a call may take.
        shown: What people may see of it.
    """

    url: str
    folder: str
    api_key: str
    table: str
    timeout: int
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Return the parts of `qdrant://host:6333?table=NAME&…`, or of `qdrant:///path/to/folder?table=NAME`.

        Options are `table`, `timeout` (whole seconds, 10), `api_key` and `secure` (true or false).

        Raises:
            ValueError: no table, a name that can be none, or an option that there is not. The message never repeats
                the URL, which may hold a key.
        """
        host, folder, options = _parts(url)
        table, secure, timeout = (options.get(name, "") for name in ("table", "secure", "timeout"))
        if not NAME.fullmatch(table):
            raise ValueError(
                "`store` needs the name of a collection in its URL, of lower-case letters, digits and underscores: "
                f"got table={table!r:.60}.\n  Write qdrant://host:{PORT}?table=shoes."
            )
        if secure not in ("", "true", "false"):
            raise ValueError("`secure` must be true or false.\n  Write secure=true for TLS.")
        if timeout and not (re.fullmatch(r"\d{1,4}", timeout) and 0 < int(timeout) <= 3600):
            raise ValueError(
                f"`timeout` must be whole seconds from 1 to 3600: got {timeout!r:.20}.\n  Write timeout=10."
            )
        place = "" if folder else f"{'https' if secure == 'true' else 'http'}://{host}"
        shown = f"qdrant://{quote(folder) or host}?table={table}"
        return cls(place, folder, options.get("api_key", ""), table, int(timeout or 10), shown)


def _parts(url: str) -> tuple[str, str, dict[str, str]]:
    """Return host and port, the folder in their place, and the options."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        folder = "" if parts.netloc else unquote(parts.path)
        host, port = parts.hostname or "localhost", parts.port or PORT
        (host + folder).encode()
        known = set(options) <= ({"table"} if folder else set(OPTIONS)) and not parts.fragment
        sound = KEY.fullmatch(options.get("api_key", "")) and "@" not in parts.netloc
        if not known or not sound or (parts.netloc and parts.path.strip("/")):
            raise ValueError("a part that there is not")
    except ValueError:  # its words may repeat a part of the URL, so they are dropped
        raise ValueError(
            "`store` needs a URL of Qdrant: this one is not understood.\n"
            f"  Write qdrant://host:{PORT}?table=shoes, with an api_key=… in place of a user; options are "
            f"{', '.join(OPTIONS)}. Without a server: qdrant:///path/to/folder?table=shoes."
        ) from None
    return f"{f'[{host}]' if ':' in host else host}:{port}", folder, options
